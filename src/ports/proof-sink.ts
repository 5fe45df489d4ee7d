/** Where proof files go, by their names below `proofs/`. Rejects with `IO_FAILED`. */
export interface ProofSink {
  /**
   * Each is there whole when it resolves; power loss may still take it. An equal file that is there already is left alone, unless
   * they are said to be new, which spares a look for each: one that is there all the same is then written again.
   */
  write(files: readonly ProofFile[], options?: { areNew: boolean }): Promise<void>;
  /** Makes files durable, which costs little once they have lain there for a while. Names without a file are passed over. */
  sync(names: readonly string[]): Promise<void>;
  /** Removes the files of days before this one, `YYYY/MM/DD`, packed or not. */
  removeDaysBefore(day: string): Promise<void>;
  /** Undefined when there is no such file. */
  read(name: string): Promise<string | undefined>;
  /** Those of the names that have no file. */
  missing(names: readonly string[]): Promise<readonly string[]>;
}

export interface ProofFile {
  name: string;
  text: string;
}
