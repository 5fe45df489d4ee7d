/** Where proof files go, by their names below `proofs/`. */
export interface ProofSink {
  /** Durable when it resolves. An equal file that is there already is left alone. Rejects with `IO_FAILED`. */
  write(files: readonly ProofFile[]): Promise<void>;
  /** Undefined when there is no such file. */
  read(name: string): Promise<string | undefined>;
  /** Those of the names that have no file. */
  missing(names: readonly string[]): Promise<readonly string[]>;
}

export interface ProofFile {
  name: string;
  text: string;
}
