import { join } from "node:path";
import { type Daemon, startDaemon } from "../daemon.ts";
import type { Figure } from "../figure.ts";
import { lay, packWorkflow } from "../packages.ts";
import { watchEvents } from "../watcher.ts";

const RUNS = 1_000;
/** Attempts that go on when the daemon is killed: its concurrency. */
const RUNNING = 8;

const source = `import { setTimeout } from "node:timers/promises";
import { workflow } from "cascaded";
export default workflow("flow")
  .task("wait", async ({ signal }) => setTimeout(3_600_000, null, { signal }))
  .task("after", { after: ["wait"] }, () => null);
`;

export const restart: Figure = {
  name: "restart",
  title: `start after kill -9 with ${RUNS} unfinished runs, and with none`,
  async measure(bench) {
    const data = join(bench.folder, "data");
    lay(join(data, "packages"), packWorkflow(bench.root, bench.folder, "wait", source));
    // The first start makes database and key; the second is what a start without work costs.
    const first = await startDaemon({ ...bench, data });
    await first.stop();
    const empty = await startDaemon({ ...bench, data });
    await leaveUnfinished(empty);
    await empty.kill();
    const full = await startDaemon({ ...bench, data });
    await full.kill();
    return [
      { name: "ready", unit: "ms", value: full.readyMs },
      { name: "ready, no runs", unit: "ms", value: empty.readyMs },
    ];
  },
};

async function leaveUnfinished(daemon: Daemon): Promise<void> {
  const watcher = await watchEvents(daemon.client);
  let running = 0;
  const busy = watcher.next((event) => {
    if (event.name === "task.changed" && event.state === "running") running++;
    return running === RUNNING;
  });
  await daemon.client.startRuns(Array.from({ length: RUNS }, () => ({ workflow: "wait/flow", params: {} })));
  await busy;
  watcher.close();
}
