import { filePath } from "../domain/serving.ts";
import type { FileStat, PackageFileRecord } from "../domain/registry.ts";
import type { FolderListing, FoundFile } from "../ports/package-source.ts";
import { type ErrorView, errorView, CascadeError } from "../kernel/errors.ts";
import { type Doubt, doubtOf } from "./moved-folders.ts";

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
  /** Folders on another device than their missing files were last seen on, for the next scan. */
  doubts: ReadonlyMap<string, Doubt>;
}

/** What former scans and requests say beside the records. */
export interface Memory {
  doubts: ReadonlyMap<string, Doubt>;
  /** Files that were deleted by `package remove`, by `filePath`: they are gone, whatever the device of their folder. */
  removed: ReadonlySet<string>;
}

export const noMemory: Memory = { doubts: new Map(), removed: new Set() };

/**
 * Compares listings of all watched folders with the records, by `filePath`. `again` names files to look into although
 * they have not changed. A folder that is not listed is no longer watched: its files are gone. A folder with an error
 * loses nothing, and neither does one that is on another device than its missing files were last seen on, until it is known to be
 * the same one.
 */
export function reconcile(
  listings: readonly FolderListing[],
  records: ReadonlyMap<string, PackageFileRecord>,
  again: ReadonlySet<string>,
  memory: Memory = noMemory,
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
  const missing = new Map<FolderListing, PackageFileRecord[]>();
  for (const [path, record] of records) {
    const listing = byFolder.get(record.location.folder);
    if (!listing) gone.push(record);
    else if (listing.error || present.has(path)) continue;
    else if (record.stat.device === listing.device || memory.removed.has(path)) gone.push(record);
    else missing.set(listing, [...(missing.get(listing) ?? []), record]);
  }
  const doubts = new Map<string, Doubt>();
  for (const [listing, absent] of missing) {
    const { folder } = listing;
    const known = [...records.values()].filter(({ location }) => location.folder === folder);
    const doubt = doubtOf(listing, known, memory.doubts.get(folder));
    if (!doubt) {
      gone.push(...absent);
      continue;
    }
    doubts.set(folder, doubt);
    folderErrors.set(folder, otherDevice(folder, absent));
  }
  return { look: look.toSorted(olderFirst), gone, still, folderErrors, doubts };
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

function otherDevice(folder: string, absent: readonly PackageFileRecord[]): ErrorView {
  const [first] = absent;
  const names = `${first!.location.name}${absent.length > 1 ? ` and ${absent.length - 1} more` : ""}`;
  const name = first!.package?.name ?? "NAME";
  return errorView(
    new CascadeError("WATCH_UNREADABLE", `${folder} is on another device than when ${names} was last seen there`, {
      hint: `Mount it again; if the file was deleted, \`cascade package remove ${name}\` unloads it.`,
    }),
  );
}
