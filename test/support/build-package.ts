import type { BuiltPackage, PackageBuilder } from "../../src/ports/package-builder.ts";
import { type FolderContent, removeFolder, writePackageFolder } from "./package-folder.ts";

/** Packs sources given as text; nothing is left behind. */
export async function buildPackage(builder: PackageBuilder, content: FolderContent): Promise<BuiltPackage> {
  const folder = writePackageFolder(content);
  try {
    return await builder.build(folder);
  } finally {
    await removeFolder(folder);
  }
}
