import { rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Keepers } from "../../ports/keepers.ts";
import { sweepWorkFolders } from "./work-folders.ts";
import { namesIn } from "./folders.ts";

export interface KeepersOptions {
  /** The `runs` folder of attempt logs. */
  runs: string;
  /** The folder of work folders. */
  work: string;
  /** Whether the process that a work folder belongs to lives. */
  workInUse(name: string): boolean;
  /** A work folder that cannot be removed. */
  onStuck?(path: string, error: unknown): void;
}

interface LogFile {
  path: string;
  size: number;
  modifiedAt: number;
}

/** Cleans up the folders that attempts write to. A file that vanishes meanwhile is nobody's mistake. */
export function createKeepers({ runs, work, workInUse, onStuck }: KeepersOptions): Keepers {
  return {
    async pruneLogs(before, maxBytes) {
      const logs: LogFile[] = [];
      await collectLogs(runs, logs);
      // Newest first: what no longer fits is the oldest.
      logs.sort((a, b) => b.modifiedAt - a.modifiedAt);
      let kept = 0;
      let pruned = 0;
      for (const { path, size, modifiedAt } of logs) {
        kept += size;
        if (modifiedAt >= before && kept <= maxBytes) continue;
        await rm(path, { force: true });
        pruned++;
      }
      if (pruned > 0) await removeEmptyFolders(runs);
      return pruned;
    },
    pruneWorkFolders: (before) => sweepWorkFolders(work, before, workInUse, onStuck),
  };
}

async function collectLogs(folder: string, logs: LogFile[]): Promise<void> {
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) await collectLogs(path, logs);
    else if (found) logs.push({ path, size: found.size, modifiedAt: found.mtimeMs });
  }
}

/** Leaves `folder` itself. A folder into which something was just written stays: rmdir refuses it. */
async function removeEmptyFolders(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    if (!(await stat(path).catch(() => undefined))?.isDirectory()) continue;
    await removeEmptyFolders(path);
    await rmdir(path).catch(() => undefined);
  }
}
