import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createCeiling } from "../ceiling.ts";
import { startDaemon } from "../daemon.ts";
import type { Figure } from "../figure.ts";
import { lay, packWorkflow } from "../packages.ts";
import { monotonicMs, pause, percentile } from "../statistics.ts";
import { isRunEnd, watchEvents } from "../watcher.ts";

const WARM_UP = 30;
const RUNS = 300;
const BETWEEN_MS = 4;

const source = `import { workflow } from "cascaded";
export default workflow("flow").task("now", () => Number(process.hrtime.bigint()) / 1e6);
`;

export const start: Figure = {
  name: "start",
  title: `start to first task with a warm host, ${RUNS} runs one after the other`,
  async measure(bench) {
    const own = await measureDaemon(bench);
    const ceilingFolder = join(bench.folder, "ceiling");
    mkdirSync(ceilingFolder);
    const ceiling = await createCeiling(ceilingFolder);
    const bare: number[] = [];
    for (let index = 0; index < WARM_UP + RUNS; index++) {
      const latency = await ceiling.startLatency();
      if (index >= WARM_UP) bare.push(latency);
      await pause(BETWEEN_MS);
    }
    await ceiling.close();
    return [
      { name: "p50", unit: "ms", value: percentile(own, 50), ceiling: percentile(bare, 50) },
      { name: "p99", unit: "ms", value: percentile(own, 99), ceiling: percentile(bare, 99) },
    ];
  },
};

async function measureDaemon(bench: Parameters<Figure["measure"]>[0]): Promise<number[]> {
  const data = join(bench.folder, "data");
  lay(join(data, "packages"), packWorkflow(bench.root, bench.folder, "stamp", source));
  const daemon = await startDaemon({ ...bench, data });
  const watcher = await watchEvents(daemon.client);
  const samples: number[] = [];
  try {
    for (let index = 0; index < WARM_UP + RUNS; index++) {
      const ended = watcher.next(isRunEnd);
      const began = monotonicMs();
      const { id } = await daemon.client.startRun({ workflow: "stamp/flow", params: {} });
      await ended;
      const [task] = (await daemon.client.run(id)).tasks;
      if (index >= WARM_UP) samples.push((task!.output as number) - began);
      await pause(BETWEEN_MS);
    }
  } finally {
    watcher.close();
    await daemon.stop();
  }
  return samples;
}
