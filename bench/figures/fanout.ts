import { batchOf } from "../connection.ts";
import type { Figure } from "../figure.ts";
import { onStage, type Stage } from "../stage.ts";
import { monotonicMs } from "../statistics.ts";
import { compareIds, noteSource } from "../written-ids.ts";

const RUNS = 100;
const TASKS = 100;
const WARM_UP_RUNS = 200;

const source = `import { workflow } from "cascaded";
${noteSource}
let flow = workflow("flow");
for (let index = 0; index < ${TASKS}; index++) {
  flow = flow.task("t" + index, async ({ runId, task }) => ({ id: note(runId + "/" + task) }));
}
export default flow;
`;

export const fanout: Figure = {
  key: "w1_fanout",
  title: `${RUNS} runs of ${TASKS} parallel tasks in one request, to the end of the last run`,
  ceiling: { workload: "fanout", keys: { w1_fanout: "rate" } },
  measure: (bench) =>
    onStage(bench, source, async (stage) => {
      await submit(stage, WARM_UP_RUNS);
      const ms = await submit(stage, RUNS);
      const ids = compareIds(stage.daemon.data, stage.ids);
      if (ids !== (WARM_UP_RUNS + RUNS) * TASKS) throw new Error(`${ids} tasks have run`);
      return { w1_fanout: (RUNS * TASKS * 1_000) / ms };
    }),
};

async function submit({ ends, connection, workflow }: Stage, runs: number): Promise<number> {
  const body = batchOf(workflow, runs);
  const ended = ends.more(runs);
  const began = monotonicMs();
  await connection.post("/runs:batch", body);
  await ended;
  return monotonicMs() - began;
}
