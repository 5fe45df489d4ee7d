import { existsSync } from "node:fs";
import { join } from "node:path";
import { createSyncedWriter } from "../adapters/filesystem/synced-writer.ts";
import { createTlogFiles } from "../adapters/filesystem/tlog-files.ts";
import type { TlogFiles } from "../ports/tlog-files.ts";
import type { DataFolder } from "./data-folder.ts";

/** The files of a log, which lie elsewhere once another log has taken its place. */
export function openLogFiles({ tlog, formerTlogs }: DataFolder, origin: string): TlogFiles {
  const former = join(formerTlogs, origin);
  const folder = existsSync(former) ? former : tlog;
  return createTlogFiles({ folder, formerFolder: formerTlogs, writer: createSyncedWriter() });
}
