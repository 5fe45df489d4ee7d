import { lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MANIFEST_FILE } from "../../domain/manifest.ts";
import { invariant } from "../../kernel/assert.ts";
import type { CrashPoint } from "../../kernel/crash-points.ts";
import { type Digest, isDigest } from "../../kernel/digest.ts";
import { CascadeError, systemErrorCode } from "../../kernel/errors.ts";
import type { CodeStore, PackageContent } from "../../ports/package-archive.ts";
import { syncFolder } from "./folders.ts";

const STAGING = ".staging-";
/** Files of one package that are written at once. */
const WRITES_AT_ONCE = 8;

export interface CodeStoreOptions {
  /** An existing folder of its own. */
  root: string;
  /** Names the staging folders of this process. */
  pid: number;
  crashPoint: CrashPoint;
}

/**
 * The unpacked packages, each in `<root>/<digest>/`: `manifest.json`, `bundle.mjs`, `assets/…`, all read-only. A package is
 * written beside them and renamed into place, so that a folder with a digest's name is whole whenever power is lost.
 */
export function createCodeStore({ root, pid, crashPoint }: CodeStoreOptions): CodeStore {
  let staged = 0;
  const folderOf = (digest: Digest) => {
    invariant(isDigest(digest), "a package is named by its digest");
    return join(root, digest);
  };
  let lastSync = Promise.resolve();
  let nextSync: Promise<void> | undefined;

  /** All who ask while one sync is running share the next. */
  function syncRoot(): Promise<void> {
    const begin = () => {
      nextSync = undefined;
      return (lastSync = syncFolder(root));
    };
    return (nextSync ??= lastSync.then(begin, begin));
  }

  const nextStaging = () => join(root, `${STAGING}${pid}-${++staged}`);
  /** What could not be removed when no descriptor was left to list it. */
  const left = new Set<string>();

  function discard(staging: string): Promise<void> {
    left.add(staging);
    return discardLeft();
  }

  async function discardLeft(): Promise<void> {
    for (const folder of left) {
      try {
        await rm(folder, { recursive: true, force: true });
        left.delete(folder);
      } catch {
        // The next one that arrives tries again; the next start removes it at the latest.
        return;
      }
    }
  }

  async function has(digest: Digest): Promise<boolean> {
    try {
      return (await lstat(folderOf(digest))).isDirectory();
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return false;
      throw error;
    }
  }

  return {
    has,
    async put(content) {
      const folder = folderOf(content.digest);
      if (await has(content.digest)) return;
      const staging = nextStaging();
      try {
        await writePackage(staging, content);
        crashPoint("staging-written");
        await rename(staging, folder);
      } catch (error) {
        await discard(staging);
        // The same package, put by another call meanwhile.
        if (isTaken(error) && (await has(content.digest))) return;
        throw unpackFailure(content, error);
      }
      crashPoint("store-renamed");
      if (left.size > 0) await discardLeft();
      await syncRoot();
    },
    async remove(digest) {
      // Renamed first, so that it is gone at once and an interrupted removal is swept.
      const leaving = nextStaging();
      try {
        await rename(folderOf(digest), leaving);
      } catch (error) {
        if (systemErrorCode(error) === "ENOENT") return;
        throw error;
      }
      await rm(leaving, { recursive: true, force: true });
    },
    async list() {
      return (await readdir(root)).filter(isDigest);
    },
    async sweepStaging() {
      const left = (await readdir(root)).filter((name) => name.startsWith(STAGING));
      for (const name of left) await rm(join(root, name), { recursive: true, force: true });
    },
  };
}

async function writePackage(staging: string, { manifest, manifestBytes, files }: PackageContent): Promise<void> {
  const writes = [
    { path: MANIFEST_FILE, bytes: manifestBytes, mode: 0o444 },
    ...manifest.files.map(({ path, mode }) => {
      const bytes = files.get(path);
      invariant(bytes && isInside(path), `${path} is a file inside the package`);
      return { path, bytes, mode: mode & 0o111 ? 0o555 : 0o444 };
    }),
  ];
  const folders = new Set([staging]);
  for (const { path } of writes) {
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) folders.add(join(staging, folder));
  }
  for (const folder of [...folders].sort()) await mkdir(folder, 0o755);
  const queue = writes.values();
  const worker = async () => {
    for (const { path, bytes, mode } of queue) await writeSynced(join(staging, path), bytes, mode);
  };
  // All have to end, also after a failure: what one of them still wrote would outlive the clean-up.
  const ends = await Promise.allSettled(Array.from({ length: WRITES_AT_ONCE }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  for (const folder of folders) await syncFolder(folder);
}

/** The archive's reader has seen to this; a file outside would be the one mistake without a way back. */
function isInside(path: string): boolean {
  return !path.startsWith("/") && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

async function writeSynced(path: string, bytes: Buffer, mode: number): Promise<void> {
  const handle = await open(path, "wx", 0o600);
  try {
    await handle.writeFile(bytes);
    // Set apart from creation, where the umask would take from it.
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unpackFailure({ manifest }: PackageContent, cause: unknown): unknown {
  const code = systemErrorCode(cause);
  if (code === undefined) return cause;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  const message = `${manifest.name} ${manifest.version} could not be unpacked (${code})`;
  return new CascadeError(isFull ? "STORE_FULL" : "IO_FAILED", message, { cause });
}

function isTaken(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === "ENOTEMPTY" || code === "EEXIST";
}
