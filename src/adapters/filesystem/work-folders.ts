import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { namesIn } from "./folders.ts";

/**
 * Removes the folders that task processes left in `root` and that nothing was changed in since `changedBefore`
 * (milliseconds since the epoch). What succeeded is removed by the task host itself; these are kept folders of failed
 * attempts, and those of killed daemons. `inUse` says of a name that its process lives. Answers how many were removed.
 */
export async function sweepWorkFolders(
  root: string,
  changedBefore: number,
  inUse: (name: string) => boolean,
): Promise<number> {
  let count = 0;
  for (const name of await namesIn(root)) {
    const path = join(root, name);
    if (inUse(name) || (await lastChange(path)) >= changedBefore) continue;
    await rm(path, { recursive: true, force: true });
    count++;
  }
  return count;
}

/** The newest change of a folder or of one directly in it: a process's folder holds the numbered folders of its attempts. */
async function lastChange(path: string): Promise<number> {
  const times = [path, ...(await namesIn(path)).map((name) => join(path, name))].map(async (each) =>
    stat(each).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    ),
  );
  return Math.max(...(await Promise.all(times)));
}
