import type { FileStat, PackageFileRecord } from "../domain/registry.ts";
import { filePath } from "../domain/serving.ts";
import type { ErrorView } from "../kernel/errors.ts";

/** An incomplete file that has not changed for so long is called broken. */
const STILL_MS = 10_000;
/** A text does not tell where it ends: one that has not changed for so long is taken for whole. */
const SETTLE_MS = 1_000;
/** A file that was not a package is read again at most this often. */
const REREAD_MS = 500;

/** Remembers the files that were not whole, so that copying costs few reads and a stopped copy is noticed. */
export function createArrivals() {
  const looks = new Map<string, { at: number; incomplete: ErrorView | undefined }>();
  return {
    /** Notes a look that found no whole package; `incomplete` says what is missing if more may come. */
    note(path: string, at: number, incomplete: ErrorView | undefined): void {
      looks.set(path, { at, incomplete });
    },
    forget(path: string): void {
      looks.delete(path);
    },
    /** When the file may be read: `now` or later. A clock that was set back does not delay it. */
    mayReadAt(path: string, now: number): number {
      const look = looks.get(path);
      return look && look.at <= now ? Math.max(now, look.at + REREAD_MS) : now;
    },
    /** When a file that stays as it is will be called broken: `now` or later. */
    brokenAt({ changedAt }: PackageFileRecord, now: number): number {
      return changedAt <= now ? Math.max(now, changedAt + STILL_MS) : now;
    },
    /** When a text that stays as it is will be taken for whole: `now` or later. */
    settledAt({ changedAt }: PackageFileRecord, now: number): number {
      return changedAt <= now ? Math.max(now, changedAt + SETTLE_MS) : now;
    },
    /** Whether a text on a disk of this host, whose clock says when it was written, was so long ago. */
    isLongSettled({ changedNs }: FileStat, now: number): boolean {
      return now - Number(BigInt(changedNs) / 1_000_000n) >= SETTLE_MS;
    },
    /** Why it is incomplete; undefined when it was not read in this life. */
    reason({ location }: PackageFileRecord): ErrorView | undefined {
      return looks.get(filePath(location))?.incomplete;
    },
  };
}
