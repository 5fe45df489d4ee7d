import { closeSync, copyFileSync, openSync, readdirSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { storageError } from "../../src/adapters/sqlite/errors.ts";
import { openStore, openStoreReadOnly } from "../../src/adapters/sqlite/store.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import type { CascadeError } from "../../src/kernel/errors.ts";
import type { Store } from "../../src/ports/store.ts";
import { engineBench } from "../support/engine-bench.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { seeded } from "../support/unruly-store.ts";
import { workflowIn } from "../support/application-room.ts";

const PAGE = 4096;

function open(file: string, begun: string | null = null): Store {
  const store = openStore({ file, now: 1, crashPoint: noCrashPoint, begun });
  onTestFinished(() => store.close());
  return store;
}

/** What opening the file and reading all of it for a start answers. */
async function failureOf(file: string, begun: string | null = null): Promise<CascadeError | null> {
  try {
    const store = open(file, begun);
    await store.beginLife("next", 2);
    await store.unfinishedRuns();
    return null;
  } catch (error) {
    return error as CascadeError;
  }
}

/** The database of an engine with an ended run in it, as a clean stop leaves it. */
async function stoppedDatabase(): Promise<{ file: string; run: string }> {
  const bench = await engineBench(tempFolder(), { a: () => 1 });
  const run = await bench.begin(workflowIn("shop", "report"));
  await bench.end(run);
  await bench.store.compact();
  const file = join(tempFolder(), "cascade.db");
  copyFileSync(join(bench.folder, "cascade.db"), file);
  return { file, run };
}

function edit(file: string, sql: string): void {
  const db = new Database(file);
  db.pragma("ignore_check_constraints = ON");
  db.pragma("foreign_keys = OFF");
  db.exec(sql);
  db.close();
}

describe("a database with noise over one page", () => {
  it("is refused as damaged at the start, whichever page it is, and stays as it is", async () => {
    const { file } = await stoppedDatabase();
    const pages = statSync(file).size / PAGE;
    const random = seeded(7);
    for (let page = 0; page < pages; page++) {
      const copy = join(tempFolder(), "cascade.db");
      copyFileSync(file, copy);
      const fd = openSync(copy, "r+");
      writeSync(fd, Buffer.from(Array.from({ length: PAGE }, () => random() * 256)), 0, PAGE, page * PAGE);
      closeSync(fd);
      const failure = await failureOf(copy);
      expect(failure, `page ${page}`).toMatchObject({ code: "STORE_CORRUPT" });
      expect(failure!.message).toContain(copy);
      expect(failure!.hint).toContain(`restore the newest backup of the whole folder ${dirname(copy)}`);
      expect(readdirSync(dirname(copy)).filter((name) => !/^cascade\.db(-wal|-shm)?$/.test(name))).toEqual([]);
    }
  });

  it("is refused for readers too", async () => {
    const { file } = await stoppedDatabase();
    truncateSync(file, 3 * PAGE);
    await expect(async () => openStoreReadOnly(file).unfinishedRuns()).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  });
});

describe("a database that is not what the folder around it tells", () => {
  it("is refused, and none is begun, when it is missing, cut to nothing, or without a table", async () => {
    const { file } = await stoppedDatabase();
    rmSync(file);
    expect(await failureOf(file, "store/ is not empty")).toMatchObject({
      code: "STORE_CORRUPT",
      message: `${file} is damaged: it is missing, and store/ is not empty`,
    });
    expect(readdirSync(dirname(file))).toEqual([]);
    closeSync(openSync(file, "w"));
    expect((await failureOf(file, "store/ is not empty"))?.message).toContain("it is empty");
    expect(statSync(file).size).toBe(0);
    edit(file, "PRAGMA journal_mode = WAL");
    expect(statSync(file).size).toBe(PAGE);
    expect((await failureOf(file, "store/ is not empty"))?.message).toContain("it is empty");
    expect(() => openStoreReadOnly(file)).toThrow(expect.objectContaining({ code: "STORE_CORRUPT" }));
    expect(await failureOf(file)).toBe(null);
  });

  it("is refused when its header names another schema than its own list", async () => {
    const { file } = await stoppedDatabase();
    edit(file, "PRAGMA user_version = 3");
    expect(await failureOf(file)).toMatchObject({ code: "STORE_CORRUPT" });
  });
});

describe("a write-ahead log beside a database", () => {
  /** A database whose daemon was killed: its log holds what is not yet in it. */
  async function killed(life: string): Promise<string> {
    const folder = tempFolder();
    const living = openStore({ file: join(folder, "cascade.db"), now: 1, crashPoint: noCrashPoint });
    onTestFinished(() => living.close());
    await living.beginLife(life, 1);
    const file = join(tempFolder(), "cascade.db");
    for (const name of ["cascade.db", "cascade.db-wal", "cascade.wal-id"])
      copyFileSync(join(folder, name), join(dirname(file), name));
    return file;
  }

  it("is taken after a kill when it is the one that the last daemon wrote", async () => {
    const file = await killed("one");
    expect((await open(file).beginLife("two", 2)).map(({ bootId }) => bootId)).toEqual(["one"]);
  });

  it("of another database is refused, after a clean stop and after a kill, and stays as it is", async () => {
    const foreign = await killed("theirs");
    const cleanly = join(tempFolder(), "cascade.db");
    const store = openStore({ file: cleanly, now: 1, crashPoint: noCrashPoint });
    await store.beginLife("ours", 1);
    await store.close();
    for (const file of [cleanly, await killed("ours")]) {
      copyFileSync(`${foreign}-wal`, `${file}-wal`);
      const failure = await failureOf(file);
      expect(failure).toMatchObject({ code: "STORE_CORRUPT" });
      expect(failure!.message).toContain(`${file}-wal`);
      expect(() => openStoreReadOnly(file)).toThrow(expect.objectContaining({ code: "STORE_CORRUPT" }));
      expect(statSync(`${file}-wal`).size).toBe(statSync(`${foreign}-wal`).size);
    }
  });

  it("stays the noted one however often it begins anew", async () => {
    const file = join(tempFolder(), "cascade.db");
    const store = open(file);
    await store.beginLife("one", 1);
    for (let round = 0; round < 20; round++) {
      await store.compact();
      await store.commit([{ type: "audit", entries: [{ at: round, name: "x", subject: null, data: null }] }]);
      const reader = openStoreReadOnly(file);
      expect(await reader.audit(1)).toMatchObject([{ at: round }]);
      await reader.close();
    }
  });
});

describe("a stored row out of shape", () => {
  it.each([
    ["trigger", "UPDATE runs SET trigger = '{\"kind\": '"],
    ["trigger", "UPDATE runs SET trigger = '5'"],
    ["state", "UPDATE runs SET state = 'sleeping', ended_at = NULL"],
    ["failure", "UPDATE runs SET failure = '[]'"],
    ["snapshot", "UPDATE snapshots SET content = replace(content, 'report', 'deport')"],
    ["snapshot", "UPDATE snapshots SET content = '{}'"],
    ["snapshot", "DELETE FROM snapshots"],
    ["outcome", "UPDATE attempts SET outcome = 'better'"],
  ])("is a damage, and the owner of the store is told (%s: %s)", async (_, sql) => {
    const { file, run } = await stoppedDatabase();
    edit(file, sql);
    const reader = openStoreReadOnly(file);
    onTestFinished(() => reader.close());
    const told: string[] = [];
    reader.onFailure((error) => told.push(error.code));
    await expect(reader.loadRun(run)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    await expect(reader.loadRun(run)).rejects.toThrow(file);
    expect(told).toEqual(["STORE_CORRUPT"]);
  });
});

describe("a database that another program has locked", () => {
  it("is busy, which waiting mends, and not full", async () => {
    const file = join(tempFolder(), "cascade.db");
    const store = open(file);
    const other = new Database(file);
    onTestFinished(() => void other.close());
    other.exec("BEGIN IMMEDIATE");
    const told: string[] = [];
    store.onFailure(({ code }) => told.push(code));
    await expect(store.commit([{ type: "audit", entries: [] }])).rejects.toMatchObject({ code: "STORE_BUSY" });
    other.exec("ROLLBACK");
    expect(await store.commit([{ type: "audit", entries: [] }])).toEqual([{ ok: true }]);
    expect(told).toEqual([]);
  });
});

describe("a failure of SQLite", () => {
  const file = "/nowhere/cascade.db";
  it.each([
    ["SQLITE_FULL", "STORE_FULL"],
    ["SQLITE_BUSY_SNAPSHOT", "STORE_BUSY"],
    ["SQLITE_LOCKED", "STORE_BUSY"],
    ["SQLITE_NOTADB", "STORE_CORRUPT"],
    ["SQLITE_CORRUPT_INDEX", "STORE_CORRUPT"],
    ["SQLITE_IOERR_READ", "STORE_CORRUPT"],
    ["SQLITE_READONLY_DBMOVED", "STORE_CORRUPT"],
    ["SQLITE_READONLY", "STORE_FAILED"],
    ["SQLITE_NOMEM", "STORE_FAILED"],
  ])("%s is %s", (code, expected) => {
    const error = storageError(new Database.SqliteError("it says so", code), file);
    expect(error.code).toBe(expected);
    expect(error.message).toContain(file);
  });
});
