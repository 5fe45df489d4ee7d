import type { Figure } from "../figure.ts";
import { onStage } from "../stage.ts";
import { monotonicMs } from "../statistics.ts";
import { compareIds, noteSource } from "../written-ids.ts";

const WIDTH = 1_000;
const WARM_UP_RUNS = 20;

const source = `import { workflow } from "cascaded";
${noteSource}
const idOf = async ({ runId, task }) => ({ id: note(runId + "/" + task) });
const names = Array.from({ length: ${WIDTH} }, (_, index) => "c" + index);
let flow = workflow("flow").task("first", idOf);
for (const name of names) flow = flow.task(name, { after: ["first"] }, idOf);
export default flow.task("join", { after: names }, idOf);
`;

export const join: Figure = {
  key: "w4_join",
  title: `one run of 1 task, then ${WIDTH}, then 1`,
  ceiling: { workload: "join", keys: { w4_join: "ms" } },
  measure: (bench) =>
    onStage(bench, source, async ({ daemon, ends, connection, workflow, ids }) => {
      const body = JSON.stringify({ workflow, params: {} });
      let ms = 0;
      for (let run = 0; run <= WARM_UP_RUNS; run++) {
        const ended = ends.more(1);
        const began = monotonicMs();
        await connection.post("/runs", body);
        await ended;
        ms = monotonicMs() - began;
      }
      const count = compareIds(daemon.data, ids);
      if (count !== (WARM_UP_RUNS + 1) * (WIDTH + 2)) throw new Error(`${count} tasks have run`);
      return { w4_join: ms };
    }),
};
