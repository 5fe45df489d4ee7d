import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { systemErrorCode } from "../../kernel/errors.ts";
import type { ProofListing } from "../../ports/proof-listing.ts";
import { fileErrors } from "./durable-files.ts";
import { createProofPacks, INDEX_ENDING, packsIn } from "./proof-packs.ts";

const io = fileErrors("the proof files cannot be read");
const PROOF_ENDING = ".sigstore.json";

/** `proofs/` of a data folder, for reading beside its daemon. */
export function createProofListing(folder: string): ProofListing {
  const packs = createProofPacks();
  return {
    names: () =>
      io(async () => {
        const names = new Set<string>();
        const packed = new Set<string>();
        for (const entry of await entriesIn(folder)) {
          if (!entry.isFile()) continue;
          const name = relative(folder, join(entry.parentPath, entry.name));
          if (name.endsWith(PROOF_ENDING)) names.add(name);
          else if (name.endsWith(INDEX_ENDING)) packed.add(entry.parentPath);
        }
        for (const path of packed) {
          for (const members of packsIn(path).values()) {
            for (const name of members.flatMap((member) => member.names)) names.add(relative(folder, join(path, name)));
          }
        }
        return names;
      }),
    read: (name) => io(async () => readNow(join(folder, name)) ?? (await packs.read(join(folder, name)))),
  };
}

async function entriesIn(folder: string) {
  try {
    return await readdir(folder, { recursive: true, withFileTypes: true });
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** In one call: a hundred thousand files are read one by one, and through the thread pool each would take seven times as long. */
function readNow(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
