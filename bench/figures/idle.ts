import { join } from "node:path";
import { startDaemon } from "../daemon.ts";
import type { Figure } from "../figure.ts";
import { lay, packWorkflow, renamed } from "../packages.ts";
import { cpuSeconds, memoryOf, processTree } from "../processes.ts";
import { monotonicMs, pause } from "../statistics.ts";

const PACKAGES = 100;
const SCHEDULES_EACH = 10;
const SETTLE_MS = 5_000;
const WINDOW_MS = 60_000;

/** Daily rules half a day away, so that none fires while it is measured. */
function sourceAt(now: Date): string {
  const hour = (now.getUTCHours() + 12) % 24;
  const rules = Array.from(
    { length: SCHEDULES_EACH },
    (_, index) => `cron("${index * 5} ${hour} * * *", { timezone: "UTC" })`,
  );
  return `import { cron, workflow } from "cascaded";
export default workflow("flow", { on: [${rules.join(", ")}] }).task("only", () => null);
`;
}

export const idle: Figure = {
  key: "w5_idle",
  title: `memory and processor time of ${WINDOW_MS / 1_000} s with ${PACKAGES} packages and ${PACKAGES * SCHEDULES_EACH} schedules`,
  repetitionsMax: 2,
  async measure(bench) {
    const data = join(bench.folder, "data");
    const original = packWorkflow(bench.root, bench.folder, "original", sourceAt(new Date()));
    for (let index = 0; index < PACKAGES; index++) {
      lay(join(data, "packages"), await renamed(original, `idle-${index}`));
    }
    const daemon = await startDaemon({ ...bench, data });
    try {
      const schedules = await daemon.client.schedules();
      if (schedules.length !== PACKAGES * SCHEDULES_EACH) throw new Error(`${schedules.length} schedules are there`);
      daemon.client.close();
      await pause(SETTLE_MS);
      const before = processTree(daemon.pid);
      const used = () => before.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
      const began = { used: used(), at: monotonicMs() };
      await pause(WINDOW_MS);
      const seconds = (monotonicMs() - began.at) / 1_000;
      return {
        w5_idle: memoryOf(daemon.pid).rssMb,
        w5_idle_cpu: (100 * (used() - began.used)) / seconds,
        w5_idle_pss: processTree(daemon.pid).reduce((sum, pid) => sum + memoryOf(pid).pssMb, 0),
      };
    } finally {
      await daemon.stop();
    }
  },
};
