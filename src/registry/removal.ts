import type { FileLocation, PackageFileRecord } from "../domain/registry.ts";
import { filePath } from "../domain/serving.ts";
import { CascadeError, type ErrorView, errorView } from "../kernel/errors.ts";
import type { PackageSource } from "../ports/package-source.ts";
import type { RegistryState } from "./registry-state.ts";

export interface RemovalReport {
  /** Deleted files. */
  removed: readonly FileLocation[];
  /** Files that stay, with what to do about each. */
  refused: readonly { location: FileLocation; error: ErrorView }[];
}

/** The files that hold a package, or keep it serving. All versions if none is named. Throws `PACKAGE_UNKNOWN`. */
export function filesOfPackage(state: RegistryState, name: string, version?: string): PackageFileRecord[] {
  const isMeant = (identity: { name: string; version: string } | null | undefined) =>
    identity?.name === name && (version === undefined || identity.version === version);
  const found = [...state.files.values()].filter(
    (record) => isMeant(record.package) || (record.keeps && isMeant(state.packages.get(record.keeps)?.identity)),
  );
  if (found.length > 0) return found;
  throw new CascadeError(
    "PACKAGE_UNKNOWN",
    `no file in a watched folder holds ${version === undefined ? name : `${name} ${version}`}`,
  );
}

/** Deletes the files, except in folders that cannot be listed now: what is not seen cannot be deleted. */
export async function removeFiles(
  files: readonly PackageFileRecord[],
  source: Pick<PackageSource, "remove">,
  unlistable: ReadonlyMap<string, ErrorView>,
): Promise<RemovalReport> {
  const removed: FileLocation[] = [];
  const refused: { location: FileLocation; error: ErrorView }[] = [];
  for (const { location } of files) {
    const folderError = unlistable.get(location.folder);
    if (folderError) {
      const message = `${filePath(location)} cannot be deleted: ${folderError.message}`;
      refused.push({ location, error: { ...folderError, message } });
      continue;
    }
    try {
      await source.remove(location);
      removed.push(location);
    } catch (error) {
      refused.push({ location, error: errorView(error) });
    }
  }
  return { removed, refused };
}
