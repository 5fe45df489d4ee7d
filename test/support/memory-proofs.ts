import type { Proof } from "../../src/domain/proof.ts";
import type { RunId } from "../../src/domain/run.ts";
import type { ChangeWriter } from "../../src/ports/change-writer.ts";
import type { ProofStore } from "../../src/ports/store.ts";

/** The part of a store that knows proofs, and the writer that moves them on. */
export interface MemoryProofs extends Pick<ProofStore, "dueProofs" | "proof" | "proofPlaces">, ChangeWriter {
  add(...proofs: readonly Proof[]): void;
  due(): readonly RunId[];
  /** Every list of runs that was reported as written. */
  readonly written: readonly (readonly RunId[])[];
}

export function createMemoryProofs(): MemoryProofs {
  const proofs = new Map<RunId, { proof: Proof; state: "due" | "written" }>();
  const written: (readonly RunId[])[] = [];
  const inState = (state: "due" | "written") =>
    [...proofs.values()].filter((row) => row.state === state).map(({ proof }) => proof);
  return {
    written,
    add(...added) {
      for (const proof of added) proofs.set(proof.runId, { proof, state: "due" });
    },
    due: () => inState("due").map(({ runId }) => runId),
    dueProofs: async (limit) => inState("due").slice(0, limit),
    proof: async (run) => proofs.get(run),
    proofPlaces: async (before, limit) =>
      inState("written")
        .sort((left, right) => (left.runId < right.runId ? 1 : -1))
        .filter(({ runId }) => before === null || runId < before)
        .slice(0, limit),
    async submit(change) {
      if (change.type !== "proofs_written") throw new Error(`a ${change.type} was not expected`);
      written.push(change.runs);
      for (const run of change.runs) proofs.get(run)!.state = "written";
      return { ok: true };
    },
  };
}
