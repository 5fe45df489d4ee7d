import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../../kernel/errors.ts";

/** What lies in a folder; nothing when there is no such folder. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT" || systemErrorCode(error) === "ENOTDIR") return [];
    throw error;
  }
}

/**
 * Makes names created, renamed or removed in a folder durable. Off the main thread: on a busy disk a sync waits for the
 * writes of others, a hundred milliseconds and more.
 */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The folders of days below one, as `YYYY/MM/DD`, the oldest first. */
export async function daysIn(folder: string): Promise<string[]> {
  const numbers = async (path: string) =>
    (await readdir(path, { withFileTypes: true })).flatMap((entry) =>
      entry.isDirectory() && /^\d+$/.test(entry.name) ? [entry.name] : [],
    );
  const days: string[] = [];
  for (const year of await numbers(folder)) {
    for (const month of await numbers(join(folder, year))) {
      for (const day of await numbers(join(folder, year, month))) days.push(`${year}/${month}/${day}`);
    }
  }
  return days.sort();
}
