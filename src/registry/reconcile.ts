import { filePath } from "../domain/serving.ts";
import type { FileStat, PackageFileRecord } from "../domain/registry.ts";
import type { FolderListing, FoundFile } from "../ports/package-source.ts";
import { type ErrorView, errorView, CascadeError } from "../kernel/errors.ts";

/** The difference between what lies in the watched folders and what the registry knows. */
export interface Plan {
  /** Files to look into, older ones first. */
  look: readonly FoundFile[];
  /** Records of files that have left. */
  gone: readonly PackageFileRecord[];
  /** Incomplete files that have not changed since they were read. */
  still: readonly { found: FoundFile; record: PackageFileRecord }[];
  /** What is wrong with each folder, by its name. */
  folderErrors: ReadonlyMap<string, ErrorView>;
}

/**
 * Compares listings of all watched folders with the records, by `filePath`. `again` names files to look into although
 * they have not changed. A folder that is not listed is no longer watched: its files are gone. A folder with an error
 * loses nothing, and neither does one that is on another device than its missing files were last seen on.
 */
export function reconcile(
  listings: readonly FolderListing[],
  records: ReadonlyMap<string, PackageFileRecord>,
  again: ReadonlySet<string>,
): Plan {
  const look: FoundFile[] = [];
  const still: { found: FoundFile; record: PackageFileRecord }[] = [];
  const present = new Set<string>();
  const byFolder = new Map<string, FolderListing>();
  const folderErrors = new Map<string, ErrorView>();
  for (const listing of listings) {
    byFolder.set(listing.folder, listing);
    if (listing.error) {
      folderErrors.set(listing.folder, listing.error);
      continue;
    }
    for (const found of listing.files) {
      const path = filePath(found.location);
      const record = records.get(path);
      present.add(path);
      if (!record || again.has(path) || needsLook(found, record)) look.push(found);
      else if (record.state === "arriving") still.push({ found, record });
    }
  }
  const gone: PackageFileRecord[] = [];
  for (const [path, record] of records) {
    const listing = byFolder.get(record.location.folder);
    if (!listing) gone.push(record);
    else if (listing.error || present.has(path)) continue;
    else if (record.stat.device === listing.device) gone.push(record);
    else folderErrors.set(listing.folder, otherDevice(listing.folder));
  }
  return { look: look.toSorted(olderFirst), gone, still, folderErrors };
}

function needsLook(found: FoundFile, record: PackageFileRecord): boolean {
  if (!sameStat(found.stat, record.stat)) return true;
  const refused = record.error?.code === "WATCH_UNSAFE";
  return (found.refusal !== null) !== refused;
}

export function sameStat(a: FileStat, b: FileStat): boolean {
  return (
    a.device === b.device &&
    a.inode === b.inode &&
    a.size === b.size &&
    a.modifiedNs === b.modifiedNs &&
    a.changedNs === b.changedNs
  );
}

/** So that of two files that conflict the older one is read, and loaded, first. */
function olderFirst(a: FoundFile, b: FoundFile): number {
  const age = BigInt(a.stat.modifiedNs) - BigInt(b.stat.modifiedNs);
  if (age !== 0n) return age < 0n ? -1 : 1;
  return filePath(a.location) < filePath(b.location) ? -1 : 1;
}

function otherDevice(folder: string): ErrorView {
  return errorView(
    new CascadeError("WATCH_UNREADABLE", `${folder} is on another device than when its packages were last seen there`, {
      hint: "Mount it again, or take the folder out of the configuration to unload its packages.",
    }),
  );
}
