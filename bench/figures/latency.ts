import { readRows } from "../database.ts";
import type { Figure } from "../figure.ts";
import { startedRun } from "../run-ends.ts";
import { onStage } from "../stage.ts";
import { monotonicMs, pause, percentile } from "../statistics.ts";

const WARM_UP = 300;
const RUNS = 300;
const BETWEEN_MS = 4;

const source = `import { workflow } from "cascaded";
export default workflow("flow").task("only", async () => ({ began: Number(process.hrtime.bigint()) / 1e6 }));
`;

export const latency: Figure = {
  key: "w2_latency",
  title: `request to the task's first line, ${RUNS} runs one after the other, ${BETWEEN_MS} ms apart`,
  ceiling: { workload: "latency", keys: { w2_latency: "p50", w2_latency_p99: "p99" } },
  measure: (bench) =>
    onStage(bench, source, async ({ daemon, ends, connection, workflow }) => {
      const body = JSON.stringify({ workflow, params: {} });
      const requested = new Map<string, number>();
      for (let index = 0; index < WARM_UP + RUNS; index++) {
        const began = monotonicMs();
        const id = startedRun(await connection.post("/runs", body));
        await ends.of(id);
        if (index >= WARM_UP) requested.set(id, began);
        await pause(BETWEEN_MS);
      }
      const begun = firstLines(daemon.data);
      const samples = [...requested].map(([id, at]) => begun.get(id)! - at);
      return { w2_latency: percentile(samples, 50), w2_latency_p99: percentile(samples, 99) };
    }),
};

/** When the task of each run began, as it said itself. */
function firstLines(data: string): Map<string, number> {
  const rows = readRows<{ run_id: string; output: string }>(data, "SELECT run_id, output FROM task_runs");
  return new Map(rows.map(({ run_id, output }) => [run_id, (JSON.parse(output) as { began: number }).began]));
}
