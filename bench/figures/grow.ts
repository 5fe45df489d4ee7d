import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { batchOf } from "../connection.ts";
import type { Figure } from "../figure.ts";
import { calm, memoryOf } from "../processes.ts";
import { endedRuns, seedRuns } from "../seed.ts";
import { onStage, reopened, type Stage } from "../stage.ts";
import { median, monotonicMs } from "../statistics.ts";

const LEVELS = [10_000, 100_000, 1_000_000];
const TEMPLATES = 2_000;
const RUNS = 5_000;
const BATCH = 1_000;
const ROUNDS = 3;

const source = `import { workflow } from "cascaded";
export default workflow("flow").task("only", async ({ runId }) => ({ id: runId }));
`;

export const grow: Figure = {
  key: "grow",
  title: `time and memory of ${RUNS} runs with ${LEVELS.join(", ")} present, last over first; disk per run`,
  repetitionsMax: 1,
  async measure(bench) {
    const data = await onStage(bench, source, async (stage) => {
      await runMore(stage, TEMPLATES);
      return stage.daemon.data;
    });
    const templates = endedRuns(data);
    const levels: { ms: number; rssMb: number; runKb: number }[] = [];
    for (const level of LEVELS) {
      seedRuns(data, templates, level);
      const before = allocatedKb(data);
      const { ms, rssMb } = await reopened(bench, data, async (stage) => {
        await calm(stage.daemon.pid);
        await runMore(stage, BATCH);
        const rounds: number[] = [];
        for (let round = 0; round < ROUNDS; round++) rounds.push(await runMore(stage, RUNS));
        return { ms: median(rounds), rssMb: memoryOf(stage.daemon.pid).rssMb };
      });
      levels.push({ ms, rssMb, runKb: (allocatedKb(data) - before) / (BATCH + ROUNDS * RUNS) });
    }
    const [first, last] = [levels[0]!, levels.at(-1)!];
    return { grow: last.ms / first.ms, grow_memory: last.rssMb / first.rssMb, grow_disk: first.runKb };
  },
};

/** Milliseconds until so many more runs have ended. */
async function runMore({ connection, ends, workflow }: Stage, count: number): Promise<number> {
  const body = batchOf(workflow, BATCH);
  const ended = ends.more(count);
  const began = monotonicMs();
  for (let sent = 0; sent < count; sent += BATCH) await connection.post("/runs:batch", body);
  await ended;
  return monotonicMs() - began;
}

/** What the disk gave to the database, the proofs and the logs of a stopped daemon: whole blocks, not bytes. */
function allocatedKb(data: string): number {
  const names = readdirSync(data).filter((name) => name.startsWith("cascade.db"));
  return [...names, "proofs", "logs", "runs"].reduce((sum, name) => sum + blocksKb(join(data, name)), 0);
}

function blocksKb(path: string): number {
  const stat = lstatSync(path);
  const inside = stat.isDirectory() ? readdirSync(path) : [];
  // A block of `stat` is 512 bytes, whatever the file system's own are.
  return inside.reduce((sum, name) => sum + blocksKb(join(path, name)), stat.blocks / 2);
}
