import type { ProofPlace } from "../domain/proof.ts";

/** Where proof files go: one per ended run, in a folder per day. */
export interface ProofSink {
  /** Durable when it resolves. An equal file that is there already is left alone. Rejects with `IO_FAILED`. */
  write(files: readonly { proof: ProofPlace; text: string }[]): Promise<void>;
  /** Undefined when there is no such file. */
  read(proof: ProofPlace): Promise<string | undefined>;
  /** Those of the proofs that have no file. */
  missing(proofs: readonly ProofPlace[]): Promise<readonly ProofPlace[]>;
}
