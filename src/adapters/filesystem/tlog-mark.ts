import { join } from "node:path";
import type { TlogMark } from "../../ports/tlog-files.ts";
import { readIfThere } from "./durable-files.ts";
import type { SyncedWriter } from "./synced-writer.ts";

/**
 * One small file per log. Not synced: after power loss it may be an older one, which is allowed, or none. A folder that cannot
 * be written is said once by `onFailure` and keeps nothing from going on.
 */
export function createTlogMark(folder: string, writer: SyncedWriter, onFailure: (error: unknown) => void): TlogMark {
  let failed = false;
  const pathOf = (origin: string) => join(folder, origin);
  return {
    read: async (origin) => (await readIfThere(pathOf(origin)).catch(() => undefined))?.toString("utf8"),
    async write(origin, checkpoint) {
      try {
        const path = pathOf(origin);
        await writer.replace([{ path, temp: `${path}.tmp`, content: checkpoint }], { durable: false });
      } catch (error) {
        if (!failed) onFailure(error);
        failed = true;
      }
    },
  };
}
