import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CrashPoint } from "../../kernel/crash-points.ts";
import type { ProofSink } from "../../ports/proof-sink.ts";
import { fileErrors, readIfThere, replaceFiles } from "./durable-files.ts";
import type { SyncedWriter } from "./synced-writer.ts";

export interface ProofFilesOptions {
  /** `proofs/` of the data folder. */
  folder: string;
  writer: SyncedWriter;
  crashPoint: CrashPoint;
}

const io = fileErrors("a proof file cannot be accessed");

/**
 * Proof files on disk. A file is there whole or not at all. A batch syncs each file and each folder once, whatever its size;
 * what a crash leaves behind has the name of its file with `.tmp` and is written over when the file is due again.
 */
export function createProofFiles({ folder, writer, crashPoint }: ProofFilesOptions): ProofSink {
  const pathOf = (name: string) => join(folder, name);
  return {
    write: (files) =>
      io(() =>
        replaceFiles(
          files.map(({ name, text }) => ({ path: pathOf(name), temp: `${pathOf(name)}.tmp`, content: text })),
          writer,
          () => crashPoint("proof-temp-written"),
        ),
      ),
    read: (name) => io(async () => (await readIfThere(pathOf(name)))?.toString("utf8")),
    // A look at one file costs a few microseconds here, and a batch is small; through promises it would cost fifty.
    missing: async (names) => names.filter((name) => !existsSync(pathOf(name))),
  };
}
