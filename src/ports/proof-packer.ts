/** Makes of many proof files few. */
export interface ProofPacker {
  /**
   * Puts the proof files of runs that were created before the instant into packs, one for each hour, and removes them. What was
   * packed is read by its name as before. A file that is not whole stays where it is. Resolves to how many files were packed;
   * ends early when `isStopping`. Rejects with `IO_FAILED`.
   */
  pack(createdBefore: number, isStopping: () => boolean): Promise<number>;
}
