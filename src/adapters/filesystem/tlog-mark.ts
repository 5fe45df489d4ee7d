import { join } from "node:path";
import { mkdir, rename, writeFile } from "node:fs/promises";
import type { TlogMark } from "../../ports/tlog-files.ts";
import { readIfThere } from "./durable-files.ts";

/**
 * One small file per log. Not synced: after power loss it may be an older one, which is allowed, or none. A folder that cannot
 * be written is said once by `onFailure` and keeps nothing from going on.
 */
export function createTlogMark(folder: string, onFailure: (error: unknown) => void): TlogMark {
  let failed = false;
  const pathOf = (origin: string) => join(folder, origin);
  return {
    read: async (origin) => (await readIfThere(pathOf(origin)).catch(() => undefined))?.toString("utf8"),
    async write(origin, checkpoint) {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeFile(`${pathOf(origin)}.tmp`, checkpoint, { mode: 0o600 });
        await rename(`${pathOf(origin)}.tmp`, pathOf(origin));
      } catch (error) {
        if (!failed) onFailure(error);
        failed = true;
      }
    },
  };
}
