import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CrashPoint } from "../../kernel/crash-points.ts";
import type { ProofSink } from "../../ports/proof-sink.ts";
import { fileErrors, readIfThere } from "./durable-files.ts";
import { daysIn, syncFolder } from "./folders.ts";
import type { ProofPacks } from "./proof-packs.ts";
import type { SyncedWriter } from "./synced-writer.ts";

export interface ProofFilesOptions {
  /** `proofs/` of the data folder. */
  folder: string;
  writer: SyncedWriter;
  packs: ProofPacks;
  crashPoint: CrashPoint;
}

const io = fileErrors("a proof file cannot be accessed");

/**
 * Proof files on disk. A process that dies leaves a file whole or not there at all; what it leaves behind has the name of its
 * file with `.tmp` and is written over when the file is due again. Files are synced later and not as they are written: a
 * sync each would be a thousand waits for the disk a second, for what can be made again.
 */
export function createProofFiles({ folder, writer, packs, crashPoint }: ProofFilesOptions): ProofSink {
  const pathOf = (name: string) => join(folder, name);
  return {
    write: (files, { areNew } = { areNew: false }) =>
      io(() =>
        writer.replace(
          files.map(({ name, text }) => {
            const path = pathOf(name);
            return { path, temp: `${path}.tmp`, content: text };
          }),
          { durable: false, areNew, beforeRename: () => crashPoint("proof-temp-written") },
        ),
      ),
    sync: (names) =>
      io(async () => {
        const paths = names.map(pathOf);
        await writer.sync(paths);
        for (const folder of new Set(paths.map((path) => dirname(path)))) {
          if (existsSync(folder)) await syncFolder(folder);
        }
      }),
    removeDaysBefore: (day) =>
      io(async () => {
        for (const each of await daysIn(folder)) {
          if (each >= day) continue;
          await rm(pathOf(each), { recursive: true });
          packs.forget(pathOf(each));
        }
      }),
    read: (name) =>
      io(async () => (await readIfThere(pathOf(name)))?.toString("utf8") ?? (await packs.read(pathOf(name)))),
    // A look at one file costs a few microseconds here, and a batch is small; through promises it would cost fifty.
    missing: async (names) => names.filter((name) => !existsSync(pathOf(name)) && !packs.has(pathOf(name))),
  };
}
