import { batchOf } from "../connection.ts";
import type { Figure } from "../figure.ts";
import { lay, packWorkflow, renamed } from "../packages.ts";
import { endedRuns, seedRuns } from "../seed.ts";
import { onStage, reopened } from "../stage.ts";
import { medianStart } from "./start.ts";

const PACKAGES = 1_000;
const ENDED = 100_000;
const TEMPLATES = 2_000;
const UNFINISHED = 10_000;
const STARTS = 3;

const source = `import { workflow } from "cascaded";
export default workflow("flow").task("only", async ({ runId }) => ({ id: runId }));
`;

export const startFull: Figure = {
  key: "w6_start_full",
  title: `the same with ${PACKAGES} packages, ${ENDED} ended and ${UNFINISHED} queued runs, ${STARTS} starts`,
  repetitionsMax: 2,
  async measure(bench) {
    const data = await onStage(bench, source, async ({ daemon, connection, ends, workflow }) => {
      const ended = ends.more(TEMPLATES);
      await connection.post("/runs:batch", batchOf(workflow, TEMPLATES));
      await ended;
      return daemon.data;
    });
    await seedRuns(data, endedRuns(data), ENDED);
    const other = packWorkflow(bench.root, bench.folder, "other", source);
    for (let index = 1; index < PACKAGES; index++) {
      lay(`${data}/packages`, await renamed(other, `other-${index}`));
    }
    await reopened(bench, data, async ({ daemon, connection, workflow }) => {
      const { packages } = await daemon.client.status();
      if (packages.loaded !== PACKAGES) throw new Error(`${packages.loaded} packages are loaded`);
      await daemon.client.pauseWorkflow(workflow);
      await connection.post("/runs:batch", batchOf(workflow, UNFINISHED));
    });
    return { w6_start_full: await medianStart(bench, data, STARTS) };
  },
};
