import { cpSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { batchOf } from "../connection.ts";
import type { Bench, Figure, Values } from "../figure.ts";
import { calm, memoryOf } from "../processes.ts";
import { endedRuns, seedRuns } from "../seed.ts";
import { onStage, reopened, type Stage } from "../stage.ts";
import { median, monotonicMs } from "../statistics.ts";

const LEVELS = [10_000, 100_000, 1_000_000] as const;
const TEMPLATES = 2_000;
const RUNS = 5_000;
const BATCH = 1_000;
const ROUNDS = 3;

const source = `import { workflow } from "cascaded";
export default workflow("flow").task("only", async ({ runId }) => ({ id: runId }));
`;

interface Life {
  /** Time per run. */
  runUs: number;
  rssMb: number;
}

export const grow: Figure = {
  key: "grow",
  title: `time and memory of ${RUNS} runs with ${LEVELS.join(", ")} present, last over first; disk per run`,
  repetitionsMax: 1,
  async measure(bench) {
    const base = await onStage(bench, source, async (stage) => {
      await runMore(stage, TEMPLATES);
      return stage.daemon.data;
    });
    const templates = endedRuns(base);
    const folders = LEVELS.map((level) => join(bench.folder, `with-${level}`));
    for (const [index, level] of LEVELS.entries()) {
      cpSync(base, folders[index]!, { recursive: true });
      await seedRuns(folders[index]!, templates, level);
    }
    const before = allocatedKb(folders[0]!);
    // The levels take turns, so that what else the machine does meets all of them.
    const rounds: Life[][] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const lives: Life[] = [];
      for (const folder of folders) lives.push(await live(bench, folder));
      rounds.push(lives);
    }
    const lastOverFirst = (of: (life: Life) => number) =>
      median(rounds.map((lives) => of(lives.at(-1)!) / of(lives[0]!)));
    return {
      grow: lastOverFirst(({ runUs }) => runUs),
      grow_memory: lastOverFirst(({ rssMb }) => rssMb),
      grow_disk: (allocatedKb(folders[0]!) - before) / (ROUNDS * (BATCH + RUNS)),
      ...byLevel("grow_time", rounds, ({ runUs }) => runUs),
      ...byLevel("grow_rss", rounds, ({ rssMb }) => rssMb),
    };
  },
};

function byLevel(prefix: string, rounds: readonly Life[][], of: (life: Life) => number): Values {
  return Object.fromEntries(
    LEVELS.map((level, index) => [`${prefix}_${level}`, median(rounds.map((lives) => of(lives[index]!)))]),
  );
}

function live(bench: Bench, data: string): Promise<Life> {
  return reopened(bench, data, async (stage) => {
    await calm(stage.daemon.pid);
    await runMore(stage, BATCH);
    const ms = await runMore(stage, RUNS);
    return { runUs: (1_000 * ms) / RUNS, rssMb: memoryOf(stage.daemon.pid).rssMb };
  });
}

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
