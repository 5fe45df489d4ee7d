import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { createProofFiles } from "../adapters/filesystem/proof-files.ts";
import { createProofPacks, PACK_ENDING } from "../adapters/filesystem/proof-packs.ts";
import { createSyncedWriter } from "../adapters/filesystem/synced-writer.ts";
import { noCrashPoint } from "../kernel/crash-points.ts";
import type { ProofSink } from "../ports/proof-sink.ts";
import type { DataFolder } from "./data-folder.ts";

/** The proof files of a data folder, packed ones included, for reading. */
export function openProofFiles({ proofs }: DataFolder): ProofSink {
  return createProofFiles({
    folder: proofs,
    writer: createSyncedWriter(),
    packs: createProofPacks(),
    crashPoint: noCrashPoint,
  });
}

const PROOF_ENDING = ".sigstore.json";

/** The proof files below a folder and those in its packs, in the order of their names, which are relative to the folder. */
export async function* proofFilesIn(folder: string): AsyncGenerator<{ name: string; text: string }> {
  async function* below(path: string): AsyncGenerator<{ name: string; text: string }> {
    const entries = await readdir(path, { withFileTypes: true });
    entries.sort((one, other) => (one.name < other.name ? -1 : 1));
    for (const entry of entries) {
      const inner = join(path, entry.name);
      const name = relative(folder, inner);
      if (entry.isDirectory()) yield* below(inner);
      else if (entry.isFile() && entry.name.endsWith(PROOF_ENDING)) yield { name, text: await readFile(inner, "utf8") };
      else if (entry.isFile() && entry.name.endsWith(PACK_ENDING)) yield* linesOf(inner, name);
    }
  }
  yield* below(folder);
}

async function* linesOf(path: string, name: string): AsyncGenerator<{ name: string; text: string }> {
  let number = 0;
  for await (const line of createInterface({
    input: createReadStream(path).pipe(createGunzip()),
    crlfDelay: Infinity,
  })) {
    yield { name: `${name} line ${++number}`, text: `${line}\n` };
  }
}
