import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { shippedMigrations } from "../../src/adapters/sqlite/migrate.ts";
import { openDatabase } from "../../src/adapters/sqlite/open.ts";
import { openStore } from "../../src/adapters/sqlite/store.ts";
import { canonicalJson } from "../../src/kernel/canonical-json.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { snapshot, task } from "../support/definitions.ts";
import { tempFolder } from "../support/temp-folder.ts";

const frozen = snapshot([task("a"), task("b", { after: ["a"] }), task("c", { after: ["b"] })]);

it("reads runs of the first schema, which wrote a row for every task run and every line of history", async () => {
  const file = join(tempFolder(), "cascade.db");
  const old = openDatabase({ file, now: 1, crashPoint: noCrashPoint, migrations: shippedMigrations().slice(0, 1) });
  const { package: identity, env, definition, code, digest } = frozen;
  old
    .prepare("INSERT INTO snapshots VALUES (?, ?, ?)")
    .run(digest, identity.digest, canonicalJson({ package: identity, env, definition, code }));
  old.exec(`
    INSERT INTO runs VALUES ('run-1', 'pack/flow', '${digest}', '{}', '{"kind":"manual"}', NULL, 5, 6, 4, 'running', 7, NULL, NULL, NULL, 2, 0);
    INSERT INTO task_runs VALUES ('run-1', 'a', 'succeeded', 0, 1, 1, NULL, 0, 0, '1', NULL, NULL, NULL, 9),
      ('run-1', 'b', 'running', 0, 0, 1, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL),
      ('run-1', 'c', 'blocked', 1, 0, 0, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL);
    INSERT INTO attempts VALUES ('run-1', 'a', 1, 'x', 1, 0, 8, 9, 'succeeded', NULL, NULL),
      ('run-1', 'b', 1, 'y', 1, 0, 9, NULL, NULL, NULL, NULL);
    INSERT INTO run_history VALUES ('run-1', 1, 0, 6, 'run.created', NULL, NULL, 'manual'),
      ('run-1', 2, 0, 7, 'run.started', NULL, NULL, NULL);`);
  old.close();

  const store = openStore({ file, now: 2, crashPoint: noCrashPoint });
  onTestFinished(() => store.close());
  const run = (await store.loadRun("run-1"))!;
  expect(
    [...run.tasks.values()].map(({ name, state, fence, pendingUpstream }) => [name, state, fence, pendingUpstream]),
  ).toEqual([
    ["a", "succeeded", 1, 0],
    ["b", "running", 1, 0],
    ["c", "blocked", 0, 1],
  ]);
  expect(run.startDigest).toBeNull();
  expect(await store.unfinishedRuns()).toEqual([run]);
  expect((await store.history("run-1")).map(({ name }) => name)).toEqual(["run.created", "run.started"]);
  for (const filter of [{}, { state: ["running"] as const }, { workflow: "pack/flow", state: ["running"] as const }]) {
    expect((await store.listRuns(filter, { limit: 5, cursor: null })).items.map(({ id }) => id)).toEqual(["run-1"]);
  }
});

it("gives proofs of the second schema their places in the log, after the one that its opening takes", async () => {
  const file = join(tempFolder(), "cascade.db");
  const old = openDatabase({ file, now: 1, crashPoint: noCrashPoint, migrations: shippedMigrations().slice(0, 2) });
  const digest = (letter: string) => letter.repeat(64);
  // Statements that a transaction took back have left a gap.
  old.exec(`
    INSERT INTO proof_statements VALUES (4, '{"n":1}', 'one'), (9, '{"n":2}', 'two');
    INSERT INTO proofs VALUES
      ('run-b', 'pack/flow', 2, '${digest("a")}', '${digest("b")}', 'key', ${Date.UTC(2026, 2, 1)}, 'due', 9),
      ('run-a', 'pack/flow', 1, NULL, '${digest("a")}', 'key', ${Date.UTC(2026, 1, 28, 23, 59, 59, 999)}, 'written', 4);`);
  old.close();
  const store = openStore({ file, now: 2, crashPoint: noCrashPoint });
  onTestFinished(() => store.close());
  expect(await store.statementsAfter(0, 10)).toEqual([
    { id: 2, file: "2026/02/28/run-a.sigstore.json", statement: '{"n":1}', signature: "one", keyId: "key" },
    { id: 3, file: "2026/03/01/run-b.sigstore.json", statement: '{"n":2}', signature: "two", keyId: "key" },
  ]);
  expect(await store.proof("run-a")).toMatchObject({
    state: "due",
    statementId: 2,
    proof: { runNumber: 1, keyId: "key" },
  });
  expect(await store.proofHead("pack/flow")).toEqual({ runNumber: 2, digest: digest("b") });
  expect(await store.writtenFiles()).toEqual({ through: 0, synced: 0, except: [] });
  const log = { origin: "one.test", vkey: "v", firstStatement: 1, minimumIndex: 0, openedAt: 5 };
  const opening = { statement: "{}", signature: "c2ln", keyId: "key", file: "attestations/a" };
  expect(await store.commit([{ type: "open_tlog", log, opening }])).toEqual([{ ok: true }]);
  expect((await store.statementsAfter(0, 10)).map(({ id }) => id)).toEqual([1, 2, 3]);
});
