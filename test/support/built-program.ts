import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type FolderContent, removeFolder, writePackageFolder } from "./package-folder.ts";

/** The compiled program: `dist/`, or another build of the same sources in `CASCADE_TEST_DIST`. */
export function builtProgram(): string {
  const dist = resolve(process.env["CASCADE_TEST_DIST"] ?? join(import.meta.dirname, "../../dist"));
  const program = join(dist, "cli/main.js");
  if (!existsSync(program)) throw new Error(`${program} is not there: \`npm run build\` makes it`);
  return program;
}

/** Packs sources given as text with `cascade pack`, as an author would; the file goes to `target`. */
export async function packTo(target: string, content: FolderContent): Promise<void> {
  const folder = writePackageFolder(content);
  try {
    const packed = spawnSync(process.execPath, [builtProgram(), "pack", folder, "-o", target], { encoding: "utf8" });
    if (packed.status !== 0) throw new Error(`cascade pack failed: ${packed.stderr}`);
  } finally {
    await removeFolder(folder);
  }
}
