import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Digest } from "../../kernel/digest.ts";
import { CascadeError, systemErrorCode } from "../../kernel/errors.ts";
import type { StoredCode } from "../../ports/package-archive.ts";

/** What stands for a link or a device, which have no content of their own. */
const NO_FILE: Digest = "";

/** The store that a daemon unpacks to, for reading beside it. `root` holds a folder per digest. */
export function createStoredCode(root: string): StoredCode {
  return {
    async digests(digest) {
      const folder = join(root, digest);
      try {
        const entries = await readdir(folder, { recursive: true, withFileTypes: true });
        const digests = new Map<string, Digest>();
        for (const entry of entries) {
          if (entry.isDirectory()) continue;
          const path = join(entry.parentPath, entry.name);
          digests.set(path.slice(folder.length + 1), entry.isFile() ? await digestOf(path) : NO_FILE);
        }
        return digests;
      } catch (error) {
        const code = systemErrorCode(error);
        if (code === "ENOENT") return undefined;
        throw new CascadeError("IO_FAILED", `${folder} cannot be read (${code ?? String(error)})`, { cause: error });
      }
    },
  };
}

async function digestOf(path: string): Promise<Digest> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
