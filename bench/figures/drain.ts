import { readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { batchOf } from "../connection.ts";
import type { Figure } from "../figure.ts";
import { lay, packWorkflow } from "../packages.ts";
import { openStage } from "../stage.ts";
import { median, monotonicMs, pause } from "../statistics.ts";
import { IDS_VARIABLE, noteSource } from "../written-ids.ts";

const TASKS = 4;
const TASK_MS = 200;
const STOPS = 5;
const WITHIN_MS = 30_000;

const source = `import { setTimeout } from "node:timers/promises";
import { workflow } from "cascaded";
${noteSource}
export default workflow("flow").task("only", async ({ runId }) => {
  note(runId);
  return setTimeout(${TASK_MS}, null);
});
`;

export const drain: Figure = {
  key: "drain",
  title: `SIGTERM right after ${TASKS} tasks of ${TASK_MS} ms have begun, to the exit, ${STOPS} times`,
  async measure(bench) {
    const data = join(bench.folder, "data");
    lay(join(data, "packages"), packWorkflow(bench.root, bench.folder, "bench", source, [IDS_VARIABLE]));
    const samples: number[] = [];
    for (let index = 0; index < STOPS; index++) {
      const { daemon, events, connection, ends, workflow, ids } = await openStage(bench, data);
      // All four hosts are there when it counts.
      const warm = ends.more(TASKS);
      await connection.post("/runs:batch", batchOf(workflow, TASKS));
      await warm;
      truncateSync(ids);
      await connection.post("/runs:batch", batchOf(workflow, TASKS));
      await allBegun(ids);
      events.close();
      connection.close();
      samples.push(await daemon.stop());
    }
    return { drain: median(samples) };
  },
};

async function allBegun(file: string): Promise<void> {
  const deadline = monotonicMs() + WITHIN_MS;
  while (readFileSync(file, "utf8").split("\n").length <= TASKS) {
    if (monotonicMs() > deadline) throw new Error("the tasks have not begun");
    await pause(1);
  }
}
