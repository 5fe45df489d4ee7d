import { statSync } from "node:fs";
import { join } from "node:path";
import { batchOf } from "../connection.ts";
import { readRows } from "../database.ts";
import type { Figure } from "../figure.ts";
import { proofWork } from "../proof-work.ts";
import { onStage, type Stage } from "../stage.ts";
import { monotonicMs, pause, percentile } from "../statistics.ts";

const RATE = 1_000;
const SECONDS = 20;
/** The same load before the clock starts: in the first second of a daemon's life its code is not compiled yet. */
const WARM_UP_SECONDS = 3;
/** So often in a second, because runs come one by one and not in thousands. */
const BATCHES_PER_SECOND = 20;
const FILES_WITHIN_MS = 10_000;
const STATEMENTS = 5_000;

const source = `import { workflow } from "cascaded";
export default workflow("flow").task("only", async ({ runId }) => ({ id: runId }));
`;

/** Statements that are stored and have no file yet. */
const BACKLOG = "SELECT max(id) - (SELECT through FROM written_files) AS due FROM statements";

export const proofs: Figure = {
  key: "proof",
  title: `${RATE} runs/s for ${SECONDS} s, each signed, logged and in its file; and that work by itself, ${STATEMENTS} times`,
  measure: async (bench) => {
    const perRun = await proofWork(join(bench.folder, "work"), STATEMENTS, RATE / 5);
    const sustained = await onStage(bench, source, async (stage) => {
      await load(stage, WARM_UP_SECONDS);
      await allWritten(stage.daemon.data);
      return sustain(stage);
    });
    return { proof_cpu: perRun.cpuMs, ...sustained };
  },
};

/** Resolves when all of the runs have ended, to the seconds that took, with the proofs that were due at each full second. */
async function load({ daemon, ends, connection, workflow }: Stage, seconds: number) {
  const ended = ends.more(RATE * seconds);
  const body = batchOf(workflow, RATE / BATCHES_PER_SECOND);
  const backlog: number[] = [];
  const began = monotonicMs();
  for (let batch = 0; batch < seconds * BATCHES_PER_SECOND; batch++) {
    await pause(Math.max(0, began + (batch * 1_000) / BATCHES_PER_SECOND - monotonicMs()));
    await connection.post("/runs:batch", body);
    if (batch % BATCHES_PER_SECOND === 0) backlog.push(dueNow(daemon.data));
  }
  await ended;
  return { seconds: (monotonicMs() - began) / 1_000, backlog };
}

async function sustain(stage: Stage) {
  const { data } = stage.daemon;
  const { seconds, backlog } = await load(stage, SECONDS);
  await allWritten(data);
  const [first, last] = [backlog.slice(1, SECONDS / 2), backlog.slice(SECONDS / 2)];
  return {
    proof_rate: (RATE * SECONDS) / seconds,
    proof_file_p99: percentile(delays(data, RATE * SECONDS), 99),
    proof_backlog: Math.max(...backlog),
    // A second of growth counts as little as a second of noise: what grows is higher in all of its second half.
    proof_backlog_growth: mean(last) / Math.max(mean(first), 1),
  };
}

async function allWritten(data: string): Promise<void> {
  const deadline = monotonicMs() + FILES_WITHIN_MS;
  while (dueNow(data) > 0) {
    if (monotonicMs() > deadline) throw new Error("proof files are missing");
    await pause(20);
  }
}

function dueNow(data: string): number {
  return readRows<{ due: number }>(data, BACKLOG)[0]?.due ?? 0;
}

/** From the end of each of the newest runs to the moment when its file was there: its rename is the last change of its inode. */
function delays(data: string, count: number): number[] {
  const sql =
    "SELECT file, ended_at AS endedAt FROM proofs JOIN statements ON id = statement_id ORDER BY id DESC LIMIT ?";
  return readRows<{ file: string; endedAt: number }>(data, sql, count).map(
    ({ file, endedAt }) => statSync(join(data, "proofs", file)).ctimeMs - endedAt,
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
