import { readdirSync } from "node:fs";
import { join } from "node:path";
import { batchOf } from "../connection.ts";
import { readRows } from "../database.ts";
import type { Figure } from "../figure.ts";
import { onStage, type Stage } from "../stage.ts";
import { monotonicMs, pause } from "../statistics.ts";
import { compareIds, noteSource } from "../written-ids.ts";

const BATCH = 1_000;
const RUNS = 10_000;
const FILES_WITHIN_MS = 120_000;

const source = `import { workflow } from "cascaded";
${noteSource}
export default workflow("flow").task("only", async ({ runId, task }) => ({ id: note(runId + "/" + task) }));
`;

export const runs: Figure = {
  key: "w1_runs",
  title: `${RUNS} runs of one task in batches of ${BATCH}, each with its signed statement`,
  ceiling: { workload: "fanout", keys: { w1_runs: "rate" } },
  measure: (bench) =>
    onStage(bench, source, async (stage) => {
      await submit(stage, BATCH);
      const began = monotonicMs();
      await submit(stage, RUNS);
      const ended = monotonicMs();
      await allFiles(stage.daemon.data, BATCH + RUNS);
      const filesMs = monotonicMs() - ended;
      compareIds(stage.daemon.data, stage.ids);
      return { w1_runs: (RUNS * 1_000) / (ended - began), w1_runs_files: filesMs / 1_000 };
    }),
};

async function submit({ ends, connection, workflow }: Stage, count: number): Promise<void> {
  const body = batchOf(workflow, BATCH);
  const ended = ends.more(count);
  for (let sent = 0; sent < count; sent += BATCH) await connection.post("/runs:batch", body);
  await ended;
}

/** Every run has a signed statement now, as its end is out; resolves when each has its file, too. */
async function allFiles(data: string, count: number): Promise<void> {
  const signed = readRows(
    data,
    "SELECT 1 FROM proofs JOIN statements ON id = statement_id WHERE statement <> '' AND signature <> ''",
  ).length;
  if (signed !== count) throw new Error(`${signed} of ${count} runs have a signed statement`);
  const deadline = monotonicMs() + FILES_WITHIN_MS;
  const due = "SELECT 1 FROM written_files WHERE through < (SELECT max(id) FROM statements)";
  while (readRows(data, due).length > 0) {
    if (monotonicMs() > deadline) throw new Error("proof files are missing");
    await pause(20);
  }
  const names = readdirSync(join(data, "proofs"), { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => name.endsWith(".json") && !name.startsWith("attestations/"));
  if (files.length !== count) throw new Error(`${files.length} of ${count} runs have a proof file`);
}
