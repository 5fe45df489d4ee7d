import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, isDigest, sha256 } from "../../kernel/digest.ts";
import { systemErrorCode } from "../../kernel/errors.ts";
import type { ArtifactStore } from "../../ports/artifact-store.ts";
import { namesIn, syncFolder } from "./folders.ts";

/** Artifacts as files named by their digest. */
export interface FileArtifacts extends ArtifactStore {
  /** Where the bytes of an artifact are, for processes that read them without the daemon. */
  path(digest: Digest): string;
}

/** `root` is made when the first artifact comes. A file is there whole or not at all. */
export function createArtifacts(root: string): FileArtifacts {
  const path = (digest: Digest) => join(root, digest);
  let temps = 0;
  /** Put since the sweep before the last began: their runs may not be recorded yet, so that no caller can know them. */
  let recent = new Set<Digest>();
  let lessRecent = new Set<Digest>();

  return {
    path,
    async put(bytes) {
      const digest = sha256(bytes);
      recent.add(digest);
      const answer = { digest, size: bytes.length };
      if (await isFile(path(digest))) return answer;
      await mkdir(root, { recursive: true, mode: 0o700 });
      const temp = join(root, `.${digest}.${++temps}`);
      try {
        const file = await open(temp, "wx", 0o600);
        try {
          await file.writeFile(bytes);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temp, path(digest));
      } catch (error) {
        await rm(temp, { force: true });
        throw error;
      }
      await syncFolder(root);
      return answer;
    },
    async get(digest) {
      if (!isDigest(digest)) return undefined;
      try {
        return await readFile(path(digest));
      } catch (error) {
        if (systemErrorCode(error) === "ENOENT") return undefined;
        throw error;
      }
    },
    async sweep(keep) {
      lessRecent = recent;
      recent = new Set();
      let count = 0;
      for (const name of await namesIn(root)) {
        if (!isDigest(name) || keep.has(name) || recent.has(name) || lessRecent.has(name)) continue;
        await rm(path(name), { force: true });
        count++;
      }
      return count;
    },
  };
}

/** Removes what a killed daemon left half written. Before the first `put`. */
export async function sweepArtifactTemps(root: string): Promise<void> {
  for (const name of await namesIn(root)) if (name.startsWith(".")) await rm(join(root, name), { force: true });
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
