import { existsSync, renameSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { proofFileName, type ProofPlace } from "../../domain/proof.ts";
import type { CrashPoint } from "../../kernel/crash-points.ts";
import { CascadeError, systemErrorCode } from "../../kernel/errors.ts";
import type { ProofSink } from "../../ports/proof-sink.ts";
import { syncFolder } from "./folders.ts";
import { createSyncedWriter, type SyncedFile } from "./synced-writer.ts";

export interface ProofFilesOptions {
  /** `proofs/` of the data folder. */
  folder: string;
  crashPoint: CrashPoint;
}

/**
 * Proof files on disk. A file is there whole or not at all. A batch syncs each file and each folder once, whatever its size;
 * what a crash leaves behind has the name of its file with `.tmp` and is written over when the file is due again.
 */
export function createProofFiles({ folder, crashPoint }: ProofFilesOptions): ProofSink {
  const writer = createSyncedWriter();
  const pathOf = (proof: ProofPlace) => join(folder, proofFileName(proof));

  async function writeBatch(files: readonly SyncedFile[]): Promise<void> {
    for (const day of new Set(files.map(({ path }) => dirname(path)))) await makeFolder(day);
    const different = await writer.writeTemps(files);
    for (const path of different) {
      crashPoint("proof-temp-written");
      renameSync(`${path}.tmp`, path);
    }
    for (const day of new Set(different.map(dirname))) await syncFolder(day);
  }

  return {
    write: (files) => io(() => writeBatch(files.map(({ proof, text }) => ({ path: pathOf(proof), text })))),
    read: (proof) => io(() => readText(pathOf(proof))),
    // A look at one file costs a few microseconds here, and a batch is small; through promises it would cost fifty.
    missing: async (proofs) => proofs.filter((proof) => !existsSync(pathOf(proof))),
  };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Makes the folder and those above it, so that all of their names survive power loss. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

async function io<Result>(action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CascadeError("IO_FAILED", `a proof file cannot be accessed: ${reason}`, { cause: error });
  }
}
