import { join } from "node:path";
import { batchOf, openConnection } from "../connection.ts";
import { readRows } from "../database.ts";
import type { Figure } from "../figure.ts";
import { startedRun } from "../run-ends.ts";
import { lay, packWorkflow, renamed } from "../packages.ts";
import { reopened } from "../stage.ts";
import { monotonicMs, pause } from "../statistics.ts";

/** 20 ms each, so that four hosts have work for five seconds. */
const BUSY_RUNS = 1_000;
const OTHERS = 4;
/** By then the hosts are all at work on the busy package. */
const HEAD_START_MS = 500;

const busySource = `import { setTimeout } from "node:timers/promises";
import { workflow } from "cascaded";
export default workflow("flow").task("only", async () => setTimeout(20, null));
`;
const otherSource = `import { workflow } from "cascaded";
export default workflow("flow").task("only", async () => ({ began: Number(process.hrtime.bigint()) / 1e6 }));
`;

export const starvation: Figure = {
  key: "cron_packages_starved",
  title: `the longest wait of ${OTHERS} other packages' runs while one package has work for seconds`,
  async measure(bench) {
    const data = join(bench.folder, "data");
    lay(join(data, "packages"), packWorkflow(bench.root, bench.folder, "bench", busySource));
    const other = packWorkflow(bench.root, bench.folder, "other", otherSource);
    const names = Array.from({ length: OTHERS }, (_, index) => `other-${index}`);
    for (const name of names) lay(join(data, "packages"), await renamed(other, name));
    const requested = new Map<string, number>();
    await reopened(bench, data, async ({ daemon, connection, ends, workflow }) => {
      await connection.post("/runs:batch", batchOf(workflow, BUSY_RUNS));
      await pause(HEAD_START_MS);
      const lane = await openConnection(daemon.socket);
      for (const name of names) {
        const began = monotonicMs();
        requested.set(startedRun(await lane.post("/runs", JSON.stringify({ workflow: `${name}/flow` }))), began);
      }
      await Promise.all([...requested.keys()].map((id) => ends.of(id)));
      const { runs } = await daemon.client.status();
      if (runs.queued + runs.running < 100) throw new Error("the busy package had no work left");
      lane.close();
    });
    const waits = [...requested].map(([id, at]) => {
      const [row] = readRows<{ output: string }>(data, "SELECT output FROM task_runs WHERE run_id = ?", id);
      return (JSON.parse(row!.output) as { began: number }).began - at;
    });
    return { cron_packages_starved: Math.max(...waits) };
  },
};
