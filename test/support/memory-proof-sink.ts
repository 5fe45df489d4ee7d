import { CascadeError } from "../../src/kernel/errors.ts";
import type { ProofSink } from "../../src/ports/proof-sink.ts";

/** A proof sink without a disk, whose disk can fail. */
export interface MemoryProofSink extends ProofSink {
  readonly files: Map<string, string>;
  /** Sizes of the batches that were asked to be written. */
  readonly batches: number[];
  /** Names of files that cannot be written; `all` for every one. */
  barred: Set<string> | "all";
  readonly synced: Set<string>;
}

export function createMemoryProofSink(): MemoryProofSink {
  const sink: MemoryProofSink = {
    files: new Map(),
    batches: [],
    barred: new Set(),
    synced: new Set(),
    async write(files) {
      sink.batches.push(files.length);
      const { barred } = sink;
      if (files.some(({ name }) => barred === "all" || barred.has(name))) {
        throw new CascadeError("IO_FAILED", "no space left");
      }
      for (const { name, text } of files) sink.files.set(name, text);
    },
    async sync(names) {
      for (const name of names) sink.synced.add(name);
    },
    async removeDaysBefore(day) {
      for (const name of sink.files.keys()) if (/^\d/.test(name) && name < day) sink.files.delete(name);
    },
    read: async (name) => sink.files.get(name),
    missing: async (names) => names.filter((name) => !sink.files.has(name)),
  };
  return sink;
}
