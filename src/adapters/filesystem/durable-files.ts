import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { CascadeError, systemErrorCode } from "../../kernel/errors.ts";
import { syncFolder } from "./folders.ts";
import type { SyncedFile, SyncedWriter } from "./synced-writer.ts";

/**
 * Puts files in their places, each whole or not at all, folders included; equal files that are there already are left alone.
 * When `durable`, they survive power loss once it resolves.
 */
export async function replaceFiles(
  files: readonly SyncedFile[],
  writer: SyncedWriter,
  { durable, beforeRename }: { durable: boolean; beforeRename?: () => void },
): Promise<void> {
  for (const folder of new Set(files.flatMap(({ path, temp }) => [dirname(path), dirname(temp)]))) {
    await makeFolder(folder);
  }
  const different = await writer.oneByOne(async () => {
    const written = await writer.writeTemps(files, durable);
    if (written.length > 0) beforeRename?.();
    await writer.rename(written);
    return written;
  });
  if (!durable) return;
  for (const folder of new Set(different.map(({ path }) => dirname(path)))) await syncFolder(folder);
}

export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Makes the folder and those above it, so that all of their names survive power loss. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

/** Turns what the system says of an action into `IO_FAILED`. */
export function fileErrors(what: string) {
  return async <Result>(action: () => Promise<Result>): Promise<Result> => {
    try {
      return await action();
    } catch (error) {
      if (error instanceof CascadeError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new CascadeError("IO_FAILED", `${what}: ${reason}`, { cause: error });
    }
  };
}
