/** Deleting what attempts have left on disk. Each resolves to how many files or folders were deleted. */
export interface Keepers {
  /** Attempt logs last written before the instant, then the oldest ones until the rest takes at most `maxBytes`. */
  pruneLogs(before: number, maxBytes: number): Promise<number>;
  /** Work folders last changed before the instant. */
  pruneWorkFolders(before: number): Promise<number>;
}
