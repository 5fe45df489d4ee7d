import type { Proof } from "../domain/proof.ts";

/** Where proof files go: one per ended run, in a folder per day. */
export interface ProofSink {
  /** Durable when it resolves. An equal file that is there already is left alone. */
  write(proofs: readonly { proof: Pick<Proof, "runId" | "endedAt">; text: string }[]): Promise<void>;
  read(proof: Pick<Proof, "runId" | "endedAt">): Promise<string | undefined>;
  has(proof: Pick<Proof, "runId" | "endedAt">): Promise<boolean>;
}
