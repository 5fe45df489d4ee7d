import { readFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { CascadeError, systemErrorCode } from "../../kernel/errors.ts";
import { syncFolder } from "./folders.ts";

export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/**
 * The same for a small file that was written a moment ago: it takes some microseconds, where four steps through promises would
 * take as many turns of an event loop that may be busy.
 */
export function readAtOnce(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

function isAbsence(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
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
