import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Connection, openConnection } from "./connection.ts";
import { type Daemon, startDaemon } from "./daemon.ts";
import { type EventStream, openEvents } from "./event-stream.ts";
import type { Bench } from "./figure.ts";
import { lay, packWorkflow } from "./packages.ts";
import { type RunEnds, watchRunEnds } from "./run-ends.ts";
import { IDS_VARIABLE } from "./written-ids.ts";

/** A daemon that serves one workflow, and what it takes to drive it. */
export interface Stage {
  daemon: Daemon;
  events: EventStream;
  ends: RunEnds;
  connection: Connection;
  /** `package/workflow`. */
  workflow: string;
  /** The file that the workflow's tasks write their ids to. */
  ids: string;
}

/** The exported workflow of `source` is called `flow`. The daemon has stopped when this resolves. */
export async function onStage<Result>(
  bench: Bench,
  source: string,
  act: (stage: Stage) => Promise<Result>,
): Promise<Result> {
  const data = join(bench.folder, "data");
  mkdirSync(data, { recursive: true, mode: 0o700 });
  lay(join(data, "packages"), packWorkflow(bench.root, bench.folder, "bench", source, [IDS_VARIABLE]));
  return reopened(bench, data, act);
}

/** Another life of the daemon on the same data folder. */
export async function reopened<Result>(
  bench: Bench,
  data: string,
  act: (stage: Stage) => Promise<Result>,
): Promise<Result> {
  const stage = await openStage(bench, data);
  try {
    return await act(stage);
  } finally {
    stage.events.close();
    stage.connection.close();
    await stage.daemon.stop();
  }
}

/** The same without the end, for what measures it. */
export async function openStage(bench: Bench, data: string): Promise<Stage> {
  const ids = join(bench.folder, "ids");
  // A past of a million runs is longer than is kept by default.
  const environment = { [IDS_VARIABLE]: ids, CASCADE_RETENTION_RUN_COUNT: "100000000" };
  const daemon = await startDaemon({ ...bench, data, environment });
  const [events, connection] = await Promise.all([openEvents(daemon.socket), openConnection(daemon.socket)]);
  return { daemon, events, ends: watchRunEnds(events, daemon.client), connection, workflow: "bench/flow", ids };
}
