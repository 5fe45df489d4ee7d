import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";

/** Removes the folder of a process that is gone, but for the work folders of failed attempts that hold something. */
export async function releaseHostFolder(folder: string, kept: ReadonlySet<number>): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const isEmpty = kept.has(Number(name)) ? await rmdir(path).then(yes, no) : false;
    if (!isEmpty && !kept.has(Number(name))) await rm(path, { recursive: true, force: true });
  }
  await rmdir(folder).catch(() => undefined);
}

const yes = () => true;
const no = () => false;
