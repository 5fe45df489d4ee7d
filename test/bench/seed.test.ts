import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { readRows } from "../../bench/database.ts";
import { endedRuns, seedRuns } from "../../bench/seed.ts";
import { openStore } from "../../src/adapters/sqlite/store.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { snapshot, task } from "../support/definitions.ts";
import { proofBench } from "../support/proof-bench.ts";
import { tempFolder } from "../support/temp-folder.ts";

const RUNS = 5;

/** The data of an engine that has run five runs, two of which failed. */
async function dataWithRuns(): Promise<string> {
  const folder = tempFolder();
  let ways = 0;
  const bench = await proofBench(folder, {
    a: () => {
      if (ways++ % 3 === 1) throw new Error("no rows");
      return { rows: 3 };
    },
    b: () => "done",
  });
  const chain = snapshot([task("a"), task("b", { after: ["a"] })]);
  for (let run = 0; run < RUNS; run++) await bench.end(await bench.begin(chain));
  await bench.prover.idle();
  // The engine still has its database open, which belongs to its test.
  const data = tempFolder();
  cpSync(folder, data, { recursive: true });
  return data;
}

function countsByTable(data: string): Record<string, number> {
  const tables = ["runs", "task_runs", "attempts", "run_history", "proofs"];
  return Object.fromEntries(tables.map((table) => [table, readRows(data, `SELECT 1 FROM ${table}`).length]));
}

it("copies runs with all that belongs to them, so that the store finds nothing odd", async () => {
  const data = await dataWithRuns();
  const templates = endedRuns(data);
  const before = countsByTable(data);
  expect(await seedRuns(data, templates, 3 * RUNS)).toBe(3 * RUNS);
  expect(await seedRuns(data, templates, 4 * RUNS)).toBe(4 * RUNS);

  expect(countsByTable(data)).toEqual(Object.fromEntries(Object.entries(before).map(([key, n]) => [key, 4 * n])));
  expect(readRows(data, "PRAGMA foreign_key_check")).toEqual([]);
  expect(readRows(data, "PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
  const numbers = readRows<{ run_number: number }>(data, "SELECT run_number FROM proofs ORDER BY run_number");
  expect(numbers.map((row) => row.run_number)).toEqual(Array.from({ length: 4 * RUNS }, (_, index) => index + 1));
  expect(readRows(data, "SELECT count(DISTINCT statement_id) AS statements FROM proofs")).toEqual([
    { statements: 4 * RUNS },
  ]);

  const statements = `SELECT count(*) AS count, max(id) AS last, (SELECT through FROM written_files) AS through,
    (SELECT max(size) FROM tlog_heads) AS size FROM statements`;
  const all = 4 * RUNS + 1;
  expect(readRows(data, statements)).toEqual([{ count: all, last: all, through: all, size: all }]);

  const store = openStore({ file: join(data, "cascade.db"), now: 1, crashPoint: noCrashPoint });
  onTestFinished(() => store.close());
  const page = await store.listRuns({}, { limit: 100, cursor: null });
  expect(page.items.map(({ id }) => id).slice(0, RUNS)).toEqual([...templates].reverse());
  const oldest = await store.loadRun(page.items.at(-1)!.id);
  const original = await store.loadRun(templates[0]!);
  expect(oldest!.head.state).toBe(original!.head.state);
  expect(oldest!.head.endedAt! - oldest!.createdAt).toBe(original!.head.endedAt! - original!.createdAt);
});

it("gives each copy a proof file, older than those that were there", async () => {
  const data = await dataWithRuns();
  const before = endedRuns(data);
  await seedRuns(data, before, 2 * RUNS);
  const names = readdirSync(join(data, "proofs"), { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => name.endsWith(".json") && !name.startsWith("attestations/"));
  const after = endedRuns(data);
  expect(files.map((name) => name.slice(-".sigstore.json".length - 36, -".sigstore.json".length)).sort()).toEqual(
    after,
  );
  expect(after.slice(-RUNS)).toEqual(before);
});
