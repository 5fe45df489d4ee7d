import { mkdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";

/** A work folder and its number. */
export interface WorkPlace {
  path: string;
  number: number;
}

/**
 * A private folder for each attempt, made and removed only when something happens in it: an attempt that left its folder
 * untouched leaves it to the next one.
 */
export interface WorkFolder {
  /** The folder for the attempt that begins next, empty. */
  prepare(): WorkPlace;
  /** Whether the attempt left anything, or removed the folder. */
  isTouched(): boolean;
  /** The next attempt gets a new folder; this one stays as it is if it is to be kept. False when it could not be removed. */
  leave(keep: boolean): boolean;
}

/** New folders say that they were last changed at the epoch; any entry made in them says otherwise. */
const UNTOUCHED = 0;

export function createWorkFolder(root: string): WorkFolder {
  let number = 0;
  let path = "";
  let clean = false;
  return {
    prepare() {
      if (!clean) {
        path = join(root, String(++number));
        mkdirSync(path, { mode: 0o700 });
        utimesSync(path, UNTOUCHED, UNTOUCHED);
        clean = true;
      }
      return { path, number };
    },
    isTouched: () => statSync(path, { throwIfNoEntry: false })?.mtimeMs !== UNTOUCHED,
    leave(keep) {
      clean = false;
      if (keep) return true;
      try {
        rmSync(path, { recursive: true, force: true, maxRetries: 2 });
        return true;
      } catch {
        return false;
      }
    },
  };
}
