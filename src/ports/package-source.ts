import type { FileLocation, FileStat } from "../domain/registry.ts";
import type { ErrorView } from "../kernel/errors.ts";

export interface FoundFile {
  location: FileLocation;
  stat: FileStat;
  /** Set when the file may not be loaded whatever it holds: `WATCH_UNSAFE`, `PACKAGE_UNREADABLE`. */
  refusal: ErrorView | null;
}

/**
 * One look at one watched folder. Only a listing with `error: null` can unload anything: a folder that is missing,
 * unreadable or unsafe says so here.
 */
export interface FolderListing {
  folder: string;
  files: readonly FoundFile[];
  /** Names of what else lies there, up to a thousand; none if it is left out. */
  passedOver?: readonly string[];
  error: ErrorView | null;
  /** Of the folder; null with an error. */
  device: number | null;
  /** On a network file system, where changes made elsewhere give no hint. */
  isRemote: boolean;
}

/** The watched folders. Hints may get lost; scans are the truth. */
export interface PackageSource {
  scan(): Promise<readonly FolderListing[]>;
  /**
   * Reads a file once through one descriptor, without following links. `changed` says that it was written to meanwhile.
   * Rejects with `PACKAGE_UNREADABLE`, `PACKAGE_TOO_LARGE` or `WATCH_UNSAFE`, which are about the file, or `IO_FAILED`;
   * undefined when it is gone.
   */
  read(location: FileLocation): Promise<{ bytes: Buffer; stat: FileStat; changed: boolean } | undefined>;
  /** Why something that a scan passed over is no package; undefined when it is gone, or has become one. */
  whyPassedOver(location: FileLocation): Promise<ErrorView | undefined>;
  /** Deletes a package file; a file that is gone is no error. Rejects with `PERMISSION` when it may not, else `IO_FAILED`. */
  remove(location: FileLocation): Promise<void>;
  /** Called soon after something changed in a folder. Never relied on. */
  onHint(callback: (folder: string) => void): void;
  /** Replaces the list of watched folders. */
  watch(folders: readonly string[]): Promise<void>;
  close(): Promise<void>;
}
