import { chmod, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "./errors.ts";

/**
 * Removes a file or a folder with everything in it, also out of folders that their owner may not write to, as caches and
 * checkouts are. Follows no link. What is not there is removed. Rejects when something has to stay.
 */
export async function removeFolder(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== "EACCES" && code !== "EPERM") throw error;
    await openUp(path);
    await rm(path, { recursive: true, force: true });
  }
}

/** What cannot be opened will be named when it is removed. */
async function openUp(path: string): Promise<void> {
  const stat = await lstat(path).catch(() => undefined);
  if (!stat?.isDirectory()) return;
  await chmod(path, 0o700).catch(() => undefined);
  for (const name of await readdir(path).catch(() => [])) await openUp(join(path, name));
}
