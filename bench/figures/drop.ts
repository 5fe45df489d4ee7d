import { mkdirSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startDaemon } from "../daemon.ts";
import type { Figure } from "../figure.ts";
import { lay, packWorkflow, type PackageFile, renamed } from "../packages.ts";
import { monotonicMs, pause, percentile } from "../statistics.ts";
import { isRunEnd, watchEvents } from "../watcher.ts";

const PRESENT = 20;
const DROPS = 200;

const source = `import { workflow } from "cascaded";
import { z } from "zod";
export default workflow("flow", { params: z.object({ name: z.string().default("world") }) })
  .task("greet", ({ params }) => ({ text: "Hello, " + params.name }));
`;

export const drop: Figure = {
  name: "drop",
  title: `drop to loaded, ${PRESENT} packages present, ${DROPS} drops`,
  async measure(bench) {
    const data = join(bench.folder, "data");
    const incoming = join(bench.folder, "incoming");
    mkdirSync(incoming);
    const original = packWorkflow(bench.root, bench.folder, "original", source);
    for (let index = 0; index < PRESENT; index++) {
      lay(join(data, "packages"), await renamed(original, `present-${index}`));
    }
    const daemon = await startDaemon({ ...bench, data });
    const watcher = await watchEvents(daemon.client);

    /** Puts a package there, runs it at once, and takes it away again, so that each drop meets the same folder. */
    async function once(dropped: PackageFile): Promise<number> {
      const waiting = join(incoming, dropped.name);
      const target = join(daemon.packages, `${dropped.name}.cascade`);
      writeFileSync(waiting, dropped.bytes);
      // At no fixed distance from the daemon's own timers.
      await pause(20 + Math.random() * 40);
      const loaded = watcher.next((event) => event.name === "package.loaded" && event.digest === dropped.digest);
      const began = monotonicMs();
      renameSync(waiting, target);
      await loaded;
      const elapsed = monotonicMs() - began;
      const ended = watcher.next(
        (event) => isRunEnd(event) && event.name === "run.changed" && event.state === "succeeded",
      );
      await daemon.client.startRun({ workflow: `${dropped.name}/flow`, params: {} });
      await ended;
      const unloaded = watcher.next((event) => event.name === "package.unloaded" && event.digest === dropped.digest);
      unlinkSync(target);
      await unloaded;
      return elapsed;
    }

    const samples: number[] = [];
    try {
      for (let index = 0; index < DROPS; index++) samples.push(await once(await renamed(original, `dropped-${index}`)));
    } finally {
      watcher.close();
      await daemon.stop();
    }
    return [
      { name: "p50", unit: "ms", value: percentile(samples, 50) },
      { name: "p99", unit: "ms", value: percentile(samples, 99) },
    ];
  },
};
