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
  const ids = join(bench.folder, "ids");
  mkdirSync(data, { recursive: true, mode: 0o700 });
  lay(join(data, "packages"), packWorkflow(bench.root, bench.folder, "bench", source, [IDS_VARIABLE]));
  const daemon = await startDaemon({ ...bench, data, environment: { [IDS_VARIABLE]: ids } });
  try {
    const [events, connection] = await Promise.all([openEvents(daemon.socket), openConnection(daemon.socket)]);
    const ends = watchRunEnds(events, daemon.client);
    const result = await act({ daemon, events, ends, connection, workflow: "bench/flow", ids });
    events.close();
    connection.close();
    return result;
  } finally {
    await daemon.stop();
  }
}
