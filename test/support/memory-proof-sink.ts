import type { RunId } from "../../src/domain/run.ts";
import { CascadeError } from "../../src/kernel/errors.ts";
import type { ProofSink } from "../../src/ports/proof-sink.ts";

/** A proof sink without a disk, whose disk can fail. */
export interface MemoryProofSink extends ProofSink {
  readonly files: Map<RunId, string>;
  /** Sizes of the batches that were asked to be written. */
  readonly batches: number[];
  /** Runs whose file cannot be written; `all` for every one. */
  barred: Set<RunId> | "all";
}

export function createMemoryProofSink(): MemoryProofSink {
  const sink: MemoryProofSink = {
    files: new Map(),
    batches: [],
    barred: new Set(),
    async write(files) {
      sink.batches.push(files.length);
      const { barred } = sink;
      if (files.some(({ proof }) => barred === "all" || barred.has(proof.runId))) {
        throw new CascadeError("IO_FAILED", "no space left");
      }
      for (const { proof, text } of files) sink.files.set(proof.runId, text);
    },
    read: async ({ runId }) => sink.files.get(runId),
    missing: async (proofs) => proofs.filter(({ runId }) => !sink.files.has(runId)),
  };
  return sink;
}
