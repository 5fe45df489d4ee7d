import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createCeiling } from "../ceiling.ts";
import { startDaemon } from "../daemon.ts";
import type { Bench, Figure } from "../figure.ts";
import { lay, packWorkflow } from "../packages.ts";
import { monotonicMs } from "../statistics.ts";
import { isRunEnd, watchEvents } from "../watcher.ts";

const RUNS = 1_000;
const WARM_UP_RUNS = 40;
const TASKS = 3;
/** Runs that the bare program keeps going, as many as the daemon has attempts. */
const AT_ONCE = 8;

const source = `import { workflow } from "cascaded";
export default workflow("flow")
  .task("a", () => ({ value: 1 }))
  .task("b", { after: ["a"] }, ({ upstream }) => ({ value: upstream.a.value + 1 }))
  .task("c", { after: ["b"] }, ({ upstream }) => ({ value: upstream.b.value + 1 }));
`;

export const chain: Figure = {
  name: "chain",
  title: `tasks of ${RUNS} runs of a chain of ${TASKS}, concurrency ${AT_ONCE}`,
  async measure(bench) {
    const value = await measureDaemon(bench);
    const folder = join(bench.folder, "ceiling");
    mkdirSync(folder);
    const ceiling = await createCeiling(folder);
    await ceiling.chain(WARM_UP_RUNS, TASKS, AT_ONCE);
    const ms = await ceiling.chain(RUNS, TASKS, AT_ONCE);
    await ceiling.close();
    return [{ name: "rate", unit: "/s", value, ceiling: (RUNS * TASKS * 1_000) / ms }];
  },
};

async function measureDaemon(bench: Bench): Promise<number> {
  const data = join(bench.folder, "data");
  lay(join(data, "packages"), packWorkflow(bench.root, bench.folder, "chain", source));
  const daemon = await startDaemon({ ...bench, data });
  const watcher = await watchEvents(daemon.client);

  /** Milliseconds from the request to the last run's end. */
  async function runAll(count: number): Promise<number> {
    let left = count;
    const allEnded = watcher.next((event) => {
      if (!isRunEnd(event)) return false;
      if (event.name === "run.changed" && event.state !== "succeeded") throw new Error(`a run ${event.state}`);
      return --left === 0;
    });
    const began = monotonicMs();
    const request = { workflow: "chain/flow", params: {} };
    await daemon.client.startRuns(Array.from({ length: count }, () => request));
    await allEnded;
    return monotonicMs() - began;
  }

  try {
    await runAll(WARM_UP_RUNS);
    return (RUNS * TASKS * 1_000) / (await runAll(RUNS));
  } finally {
    watcher.close();
    await daemon.stop();
  }
}
