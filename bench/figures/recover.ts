import { readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { batchOf } from "../connection.ts";
import type { Figure } from "../figure.ts";
import { lay, packWorkflow } from "../packages.ts";
import { openStage, type Stage } from "../stage.ts";
import { monotonicMs, pause } from "../statistics.ts";
import { IDS_VARIABLE, noteSource } from "../written-ids.ts";

const ACTIVE = 1_000;
const QUEUED = 9_000;
const HOSTS = 4;
const WITHIN_MS = 60_000;

/** The limit keeps the others queued; the first task of each active run has succeeded, the second one never ends. */
const source = `import { setTimeout } from "node:timers/promises";
import { workflow } from "cascaded";
${noteSource}
export default workflow("flow", { concurrency: ${ACTIVE} })
  .task("first", async () => null)
  .task("second", { after: ["first"] }, async ({ signal }) => {
    note(String(Number(process.hrtime.bigint()) / 1e6));
    return setTimeout(3_600_000, null, { signal });
  });
`;

export const recover: Figure = {
  key: "recover",
  title: `kill -9 with ${ACTIVE} runs active and ${QUEUED} queued, to READY and the first interrupted attempt running`,
  async measure(bench) {
    const data = join(bench.folder, "data");
    lay(join(data, "packages"), packWorkflow(bench.root, bench.folder, "bench", source, [IDS_VARIABLE]));
    const before = await openStage(bench, data);
    await before.connection.post("/runs:batch", batchOf(before.workflow, ACTIVE + QUEUED));
    await isBusy(before);
    await leave(before);
    truncateSync(before.ids);
    const after = await openStage(bench, data);
    const first = await firstLine(after.ids);
    const { execAt, readyMs } = after.daemon;
    await leave(after);
    return { recover: Math.max(readyMs, first - execAt), recover_ready: readyMs };
  },
};

async function isBusy({ daemon, ids }: Stage): Promise<void> {
  const deadline = monotonicMs() + WITHIN_MS;
  for (;;) {
    const { runs } = await daemon.client.status();
    if (runs.running === ACTIVE && runs.queued === QUEUED && linesOf(ids).length === HOSTS) return;
    if (monotonicMs() > deadline) throw new Error(`the runs are ${JSON.stringify(runs)}`);
    await pause(50);
  }
}

async function firstLine(file: string): Promise<number> {
  const deadline = monotonicMs() + WITHIN_MS;
  for (;;) {
    const [first] = linesOf(file);
    if (first !== undefined) return Number(first);
    if (monotonicMs() > deadline) throw new Error("no interrupted attempt runs again");
    await pause(5);
  }
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n").slice(0, -1);
  } catch {
    // No task has written yet.
    return [];
  }
}

async function leave({ daemon, events, connection }: Stage): Promise<void> {
  events.close();
  connection.close();
  await daemon.kill();
}
