import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { wrongWith } from "../support/check-data-folder.ts";
import { eventually } from "../support/eventually.ts";
import { loadDriver } from "../support/load-driver.ts";
import { packLoad } from "../support/load-packages.ts";

let packages: string;

beforeAll(async () => {
  packages = mkdtempSync(join(tmpdir(), "cascade-load-"));
  await packLoad(packages);
});
afterAll(() => rmSync(packages, { recursive: true, force: true }));

it("finds nothing wrong after a quiet life, and every kind of damage done to its data folder", async () => {
  const driver = loadDriver({ packages });
  const daemon = driver.start();
  await daemon.ready();
  await driver.ask(daemon);
  await driver.finish(daemon);
  const { data, acknowledged } = driver;
  const check = (change: { acknowledged?: readonly string[]; more?: string } = {}) =>
    wrongWith({
      data,
      acknowledged: change.acknowledged ?? acknowledged,
      outsideLog: driver.outsideLog() + (change.more ?? ""),
    });
  expect(await check()).toEqual([]);

  const [run] = acknowledged;
  expect(await check({ acknowledged: ["gone"] })).toEqual(["run gone was acknowledged and is lost"]);
  expect(await check({ more: `${run} small 1\n` })).toEqual([`attempt ${run} small 1 was executed twice`]);
  expect(await check({ more: `${run} small 2\n` })).toEqual([
    `attempt ${run} small 2 was executed and is not recorded`,
  ]);

  // Another program writes to the database from here on, which the daemon's note of its log would rightly refuse.
  rmSync(join(data, "cascade.wal-id"));
  const db = new Database(join(data, "cascade.db"));
  /** Changes the database, checks, and takes the change back. */
  const damaged = async (sql: string) => {
    const touched = ["attempts", "task_runs", "proofs", "statements", "unwritten_files", "tlog_heads"].map((table) => ({
      table,
      rows: db.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[],
    }));
    db.exec(sql);
    const wrong = await check();
    db.pragma("foreign_keys = OFF");
    for (const { table, rows } of touched) {
      db.exec(`DELETE FROM ${table}`);
      for (const row of rows) {
        const names = Object.keys(row);
        db.prepare(`INSERT INTO ${table} VALUES (${names.map(() => "?").join(", ")})`).run(...names.map((n) => row[n]));
      }
    }
    return wrong.join("\n");
  };
  const where = `run_id = '${run}' AND task = 'small'`;
  expect(await damaged(`UPDATE attempts SET outcome = NULL, ended_at = NULL WHERE ${where}`)).toMatch(/has no end/);
  const again = (outcome: string) =>
    `INSERT INTO attempts SELECT run_id, task, 2, 'x', 2, 0, started_at, ended_at, ${outcome}, NULL, NULL, NULL FROM attempts WHERE ${where}`;
  expect(await damaged(again("outcome"))).toMatch(/succeeded twice/);
  expect(await damaged(again("'failed'"))).toMatch(/was tried after its success/);
  const unproven = await damaged(`DELETE FROM proofs WHERE run_id = '${run}'`);
  expect(unproven).toMatch(/has no proof/);
  expect(unproven).toMatch(/fsck: starts: run .* was started/);
  expect(await damaged(`UPDATE proofs SET run_number = 1000 WHERE run_id = '${run}'`)).toMatch(/leaves a gap/);
  const runStatement = `(SELECT statement_id FROM proofs WHERE run_id = '${run}')`;
  expect(await damaged(`INSERT INTO unwritten_files VALUES (${runStatement})`)).toMatch(/files are due/);
  expect(await damaged(`UPDATE statements SET statement = statement || ' ' WHERE id = ${runStatement}`)).toMatch(
    /fsck: statements: .* is not leaf/,
  );
  expect(await damaged(`DELETE FROM statements WHERE id = ${runStatement}`)).toMatch(
    /holds no statements for the leaves/,
  );
  expect(
    await damaged("UPDATE tlog_heads SET size = size + 1 WHERE size = (SELECT max(size) FROM tlog_heads)"),
  ).toMatch(/not in a signed head/);
  db.close();
  expect(await check()).toEqual([]);

  mkdirSync(join(data, "store/.staging-1"));
  writeFileSync(join(data, "keys/proof.pem.tmp"), "");
  writeFileSync(join(data, "artifacts/.0.1"), "");
  const stray = spawn("sleep", ["60"], { cwd: data });
  await eventually(() => stray.pid !== undefined);
  const proof = readdirSync(join(data, "proofs"), { recursive: true, encoding: "utf8" }).find((path) =>
    path.endsWith(`${run}.sigstore.json`),
  )!;
  writeFileSync(join(data, "proofs", proof), "{}");
  const wrong = (await check()).join("\n");
  stray.kill("SIGKILL");
  for (const part of [
    "store: .staging-1",
    "proof.pem.tmp",
    "artifacts/.0.1",
    "running: sleep 60",
    `${run}.sigstore.json is refused`,
  ]) {
    expect(wrong).toContain(part);
  }
});
