import { chmod, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../../kernel/errors.ts";
import { removeFolder } from "../../kernel/remove-folder.ts";

/**
 * Removes the folder of a process that is gone, but for the work folders of failed attempts that hold something. What
 * cannot be removed does not keep the rest: the first such error is thrown at the end.
 */
export async function releaseHostFolder(folder: string, kept: ReadonlySet<number>): Promise<void> {
  let failure: unknown;
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    if (kept.has(Number(name))) await rmdir(path).catch(() => undefined);
    else await removeFolder(path).catch((error: unknown) => (failure ??= error));
  }
  await rmdir(folder).catch(() => undefined);
  if (failure !== undefined) throw failure as Error;
}

/** Nothing when it is gone; a task may also have closed it to itself. */
async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    await chmod(folder, 0o700);
    return readdir(folder);
  }
}
