import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { removeFolder } from "../../kernel/remove-folder.ts";
import { namesIn } from "./folders.ts";

/**
 * Removes the folders that task processes left in `root` and that nothing was changed in since `changedBefore`
 * (milliseconds since the epoch). What succeeded is removed by the task host itself; these are kept folders of failed
 * attempts, and those of killed daemons. `inUse` says of a name that its process lives. Answers how many were removed;
 * one that cannot be removed is told to `onStuck`, and the rest goes on.
 */
export async function sweepWorkFolders(
  root: string,
  changedBefore: number,
  inUse: (name: string) => boolean,
  onStuck: (path: string, error: unknown) => void = () => undefined,
): Promise<number> {
  let count = 0;
  for (const name of await namesIn(root)) {
    const path = join(root, name);
    try {
      if (inUse(name) || (await lastChange(path)) >= changedBefore) continue;
      await removeFolder(path);
      count++;
    } catch (error) {
      onStuck(path, error);
    }
  }
  return count;
}

/** The newest change of a folder or of one directly in it: a process's folder holds the numbered folders of its attempts. */
async function lastChange(path: string): Promise<number> {
  const inside = await namesIn(path).catch(() => []);
  const times = [path, ...inside.map((name) => join(path, name))].map(async (each) =>
    lstat(each).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    ),
  );
  return Math.max(...(await Promise.all(times)));
}
