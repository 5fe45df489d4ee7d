import { openConnection } from "../connection.ts";
import type { Figure } from "../figure.ts";
import { startedRun } from "../run-ends.ts";
import { onStage } from "../stage.ts";
import { monotonicMs } from "../statistics.ts";
import { compareIds, noteSource } from "../written-ids.ts";

const RUNS = 1_000;
const WARM_UP_RUNS = 1_000;
const AT_ONCE = 8;

/** Each output is about 200 bytes of JSON, and the next task reads it. */
const source = `import { workflow } from "cascaded";
${noteSource}
const outputOf = ({ runId, task }, value) => ({ id: note(runId + "/" + task), value });
export default workflow("flow")
  .task("a", async (context) => outputOf(context, "x".repeat(145)))
  .task("b", { after: ["a"] }, async (context) => outputOf(context, context.upstream.a.value))
  .task("c", { after: ["b"] }, async (context) => outputOf(context, context.upstream.b.value));
`;

export const chain: Figure = {
  key: "w3_chain",
  title: `${RUNS} runs of a chain of three tasks, ${AT_ONCE} at a time`,
  ceiling: { workload: "chain", keys: { w3_chain: "rate" } },
  measure: (bench) =>
    onStage(bench, source, async ({ daemon, ends, workflow, ids }) => {
      const body = JSON.stringify({ workflow, params: {} });
      const lanes = await Promise.all(Array.from({ length: AT_ONCE }, () => openConnection(daemon.socket)));

      /** Milliseconds for so many runs: each lane starts one, waits for its end, and starts the next. */
      async function runAll(count: number): Promise<number> {
        let left = count;
        const began = monotonicMs();
        await Promise.all(
          lanes.map(async (lane) => {
            while (left-- > 0) await ends.of(startedRun(await lane.post("/runs", body)));
          }),
        );
        return monotonicMs() - began;
      }

      await runAll(WARM_UP_RUNS);
      const ms = await runAll(RUNS);
      for (const lane of lanes) lane.close();
      const count = compareIds(daemon.data, ids);
      if (count !== 3 * (WARM_UP_RUNS + RUNS)) throw new Error(`${count} tasks have run`);
      return { w3_chain: (RUNS * 1_000) / ms };
    }),
};
