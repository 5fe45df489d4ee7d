import type { PackageFileRecord } from "../domain/registry.ts";
import { filePath } from "../domain/serving.ts";
import type { Digest } from "../kernel/digest.ts";
import type { FolderListing } from "../ports/package-source.ts";

/**
 * What is remembered between scans of a folder that is on another device than its missing files were last seen on: a file system that
 * was mounted anew keeps its files under another device number, an empty mount point has none of them.
 */
export interface Doubt {
  device: number | null;
  /** The listing as it was, to be seen alike once more. */
  listed: string;
  /** The files that were there on the former device, by path: the archive's digest. */
  held: ReadonlyMap<string, Digest>;
  /** One of them was seen on this device, with the same content. */
  isSame: boolean;
}

/**
 * Looks at a doubtful folder once more; `known` are its records. Undefined settles the doubt: two scans listed it alike, and it holds,
 * or held before somebody removed it on purpose, a file that it held before.
 */
export function doubtOf(
  listing: FolderListing,
  known: readonly PackageFileRecord[],
  former: Doubt | undefined,
): Doubt | undefined {
  const listed = JSON.stringify(listing.files.map(({ location, stat }) => [location.name, stat]));
  const before = former?.device === listing.device ? former : undefined;
  const held = new Map(before?.held);
  for (const record of known) {
    const path = filePath(record.location);
    if (record.stat.device !== listing.device && record.archiveDigest !== null && !held.has(path))
      held.set(path, record.archiveDigest);
  }
  const present = new Set(listing.files.map(({ location }) => filePath(location)));
  // Only a record of this device tells what was read on it.
  const isHeld = (record: PackageFileRecord) =>
    record.stat.device === listing.device &&
    present.has(filePath(record.location)) &&
    held.get(filePath(record.location)) === record.archiveDigest;
  const isSame = before?.isSame === true || known.some(isHeld);
  return isSame && before?.listed === listed ? undefined : { device: listing.device, listed, held, isSame };
}
