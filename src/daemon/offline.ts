import { readdirSync } from "node:fs";
import { createAttemptLogs } from "../adapters/filesystem/attempt-logs.ts";
import { openStoreReadOnly } from "../adapters/sqlite/store.ts";
import { createCalendar } from "../adapters/time/calendar.ts";
import type { Queries } from "../app/application.ts";
import { createQueries } from "../app/queries.ts";
import type { StatusView } from "../app/views.ts";
import { CascadeError } from "../kernel/errors.ts";
import { silentLogger } from "../kernel/logger.ts";
import type { Store } from "../ports/store.ts";
import { damaged } from "../adapters/sqlite/errors.ts";
import { type DataFolder, dataFolderAt, historyIn } from "./data-folder.ts";
import { openProofFiles } from "./proof-reading.ts";

/** The answers of a data folder whose daemon is not running. */
export interface OfflineQueries {
  queries: Queries;
  close(): Promise<void>;
}

/** Opens a data folder for reading. Throws `DAEMON_UNREACHABLE` when no daemon ever worked in it. */
export function openOffline(root: string, version: string): OfflineQueries {
  const data = dataFolderAt(root);
  const store = openDatabase(data);
  const logs = createAttemptLogs({ root: data.runs, max: Infinity, logger: silentLogger });
  const queries = createQueries({
    store,
    logs,
    proofs: openProofFiles(data),
    calendar: createCalendar(),
    tlogState: () => null,
    anchors: () => [],
    status: () => stoppedStatus(store, root, version),
    holds: () => [{ kind: "daemon_stopped", task: null, message: "the daemon is not running" }],
  });
  return { queries, close: () => store.close() };
}

/** Opens the database for reading, beside a living daemon or without one. Throws `DAEMON_UNREACHABLE` when there is none. */
export function openDatabase(data: DataFolder): Store {
  try {
    return openStoreReadOnly(data.database);
  } catch (error) {
    const begun = historyIn(data);
    if (isThere(data.database)) throw error;
    if (begun !== null) throw damaged(data.database, `it is missing, and ${begun}`, error);
    throw new CascadeError("DAEMON_UNREACHABLE", `no daemon has worked in ${data.root}`, { cause: error });
  }
}

function isThere(path: string): boolean {
  const folder = path.slice(0, path.lastIndexOf("/"));
  try {
    return readdirSync(folder).includes(path.slice(folder.length + 1));
  } catch {
    return false;
  }
}

async function stoppedStatus(store: Store, root: string, version: string): Promise<StatusView> {
  const [packages, files, runs] = [await store.packages(), await store.packageFiles(), await store.countUnfinished()];
  return {
    state: "stopped",
    version,
    pid: null,
    startedAt: null,
    dataDir: root,
    watch: [],
    packages: {
      loaded: packages.filter(({ state }) => state === "loaded").length,
      rejected: files.filter(({ state }) => state === "rejected").length,
    },
    runs,
    config: { generation: 0, error: null },
    tlog: { state: "stopped", error: null },
    containment: null,
    warnings: ["the daemon is not running"],
  };
}
