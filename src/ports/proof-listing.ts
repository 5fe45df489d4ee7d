/** The proof files that are there, packed ones included, by their names below `proofs/`. Changes nothing. Rejects with `IO_FAILED`. */
export interface ProofListing {
  names(): Promise<ReadonlySet<string>>;
  /** Undefined when there is no such file. */
  read(name: string): Promise<string | undefined>;
}
