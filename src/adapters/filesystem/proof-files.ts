import { existsSync } from "node:fs";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { proofFileName, type ProofPlace } from "../../domain/proof.ts";
import type { CrashPoint } from "../../kernel/crash-points.ts";
import { CascadeError, systemErrorCode } from "../../kernel/errors.ts";
import type { ProofSink } from "../../ports/proof-sink.ts";
import { syncFolder } from "./folders.ts";

/** Files at once. A sync holds one of Node's four threads for long; the others are left to the runs. */
const PARALLEL = 2;

interface ProofFile {
  path: string;
  text: string;
}

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
  const pathOf = (proof: ProofPlace) => join(folder, proofFileName(proof));

  async function writeBatch(files: readonly ProofFile[]): Promise<void> {
    const different: ProofFile[] = [];
    await inParallel(files, async (file) => {
      // Most are new, and a failed read costs more than a look.
      if (!existsSync(file.path) || (await readText(file.path)) !== file.text) different.push(file);
    });
    const days = new Set(different.map(({ path }) => dirname(path)));
    for (const day of days) await makeFolder(day);
    await inParallel(different, ({ path, text }) => writeSynced(tempOf(path), text));
    for (const { path } of different) {
      crashPoint("proof-temp-written");
      await rename(tempOf(path), path);
    }
    for (const day of days) await syncFolder(day);
  }

  return {
    write: (files) => io(() => writeBatch(files.map(({ proof, text }) => ({ path: pathOf(proof), text })))),
    read: (proof) => io(() => readText(pathOf(proof))),
    // A look at one file costs a few microseconds here, and a batch is small; through promises it would cost fifty.
    missing: async (proofs) => proofs.filter((proof) => !existsSync(pathOf(proof))),
  };
}

function tempOf(path: string): string {
  return `${path}.tmp`;
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

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(text, "utf8");
    await file.sync();
  } finally {
    await file.close();
  }
}

async function inParallel<Item>(items: readonly Item[], action: (item: Item) => Promise<void>): Promise<void> {
  const rest = items.values();
  const work = async () => {
    for (const item of rest) await action(item);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, work));
}

async function io<Result>(action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CascadeError("IO_FAILED", `a proof file cannot be accessed: ${reason}`, { cause: error });
  }
}
