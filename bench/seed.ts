import BetterSqlite3 from "better-sqlite3";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createSyncedWriter } from "../src/adapters/filesystem/synced-writer.ts";
import { createTlogFiles } from "../src/adapters/filesystem/tlog-files.ts";
import { createTlogMark } from "../src/adapters/filesystem/tlog-mark.ts";
import { openLocalSigner, readPublicKeys } from "../src/adapters/signing/local-signer.ts";
import { createTlogKeys } from "../src/adapters/signing/tlog-keys.ts";
import { openStore } from "../src/adapters/sqlite/store.ts";
import { proofFileName } from "../src/domain/proof.ts";
import { isSigned } from "../src/domain/sealed-statement.ts";
import { noCrashPoint } from "../src/kernel/crash-points.ts";
import { createIds } from "../src/kernel/ids.ts";
import { silentLogger } from "../src/kernel/logger.ts";
import { createLeafMaker } from "../src/proofs/tlog/leaf-maker.ts";
import { openTransparencyLog } from "../src/proofs/tlog/transparency-log.ts";
import { databaseOf, readRows } from "./database.ts";

/** Copies of the same runs lie so far apart in the past, which spreads a million over some days. */
const ROUND_MS = 600_000;

interface Template {
  id: string;
  workflow: string;
  created_at: number;
  ended_at: number;
}

type Column = { name: string; type: string; pk: number };

/**
 * Gives a stopped daemon a long past: copies its ended runs, which really ran, with all that belongs to them until the
 * database holds `total` runs. Each copy has an id of its own and its own times, older than every run that is there; its proof's
 * number goes on from the last one, its statement is a leaf of the log, and its proof file is a link to that of the original.
 * Resolves to how many runs there are now.
 *
 * What belongs to a run is found in the schema, so that a new table or column is copied like the others.
 */
export async function seedRuns(data: string, templates: readonly string[], total: number): Promise<number> {
  const db = new BetterSqlite3(databaseOf(data));
  try {
    db.pragma("foreign_keys = OFF");
    db.pragma("journal_mode = MEMORY");
    db.pragma("synchronous = OFF");
    db.pragma("cache_size = -400000");
    multiply(db, join(data, "proofs"), templates, total);
    db.pragma("journal_mode = WAL");
    return countOf(db);
  } finally {
    db.close();
    await logSeeded(data);
    // Else the daemon's first commits would wait for gigabytes that are not its own.
    execFileSync("sync");
  }
}

/** The runs that have ended, of one workflow or of all, in the order of their creation. */
export function endedRuns(data: string, workflow: string | null = null): string[] {
  const sql = "SELECT id FROM runs WHERE ended_at IS NOT NULL AND workflow = coalesce(?, workflow) ORDER BY id";
  return readRows<{ id: string }>(data, sql, workflow).map(({ id }) => id);
}

function multiply(db: BetterSqlite3.Database, proofs: string, ids: readonly string[], total: number): void {
  db.exec(
    "CREATE TEMP TABLE seed (old_id TEXT PRIMARY KEY, new_id TEXT, shift INTEGER, number INTEGER, statement INTEGER, file TEXT) WITHOUT ROWID",
  );
  const note = db.prepare("INSERT INTO seed VALUES (?, ?, ?, ?, ?, ?)");
  const copies = copyStatements(db);
  const find = db.prepare("SELECT id, workflow, created_at, ended_at FROM runs WHERE id = ?");
  const originals = ids.map((id) => find.get(id) as Template);
  const oldest = db.prepare("SELECT min(created_at) FROM runs").pluck().get() as number;
  const newest = Math.max(...originals.map(({ ended_at }) => ended_at));
  const rounds = Math.round((total - countOf(db)) / originals.length);
  // Proofs of the originals are numbered from 1 on, so each round moves them by as many as there are.
  const lastNumbers = "SELECT workflow, max(run_number) FROM proofs GROUP BY workflow";
  const heads = new Map(db.prepare(lastNumbers).raw().all() as [string, number][]);
  let lastStatement = db.prepare("SELECT max(id) FROM statements").pluck().get() as number;
  const perRound = new Map<string, number>();
  for (const { workflow } of originals) perRound.set(workflow, (perRound.get(workflow) ?? 0) + 1);
  const link = proofLinker(proofs);
  const round = db.transaction((index: number) => {
    const shift = oldest - newest - (rounds - index) * ROUND_MS;
    let ms = 0;
    const newIds = createIds(() => ms, randomBytes);
    db.exec("DELETE FROM seed");
    for (const { id, workflow, created_at, ended_at } of originals) {
      ms = created_at + shift;
      const newId = newIds.next();
      const number = heads.get(workflow)! + index * perRound.get(workflow)!;
      const file = proofFileName({ runId: newId, endedAt: ended_at + shift });
      note.run(id, newId, shift, number, ++lastStatement, file);
      link(proofFileName({ runId: id, endedAt: ended_at }), file);
    }
    for (const copy of copies) copy.run();
  });
  for (let index = 0; index < rounds; index++) round(index);
}

/** One statement per table whose rows belong to runs. */
function copyStatements(db: BetterSqlite3.Database): BetterSqlite3.Statement[] {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
  const statements = db.prepare(`INSERT INTO statements
    SELECT seed.statement, seed.file, source.statement, source.signature, source.key_id FROM seed
      CROSS JOIN proofs ON proofs.run_id = seed.old_id
      CROSS JOIN statements AS source ON source.id = proofs.statement_id`);
  const ofRuns = tables.flatMap((table) => {
    const columns = db.pragma(`table_info(${table})`) as Column[];
    const owner = table === "runs" ? "id" : columns.find(({ name }) => name === "run_id")?.name;
    if (owner === undefined) return [];
    const keys = columns.filter(({ pk }) => pk > 0);
    // A row number is given anew.
    const copied = columns.filter(({ type, pk }) => !(pk > 0 && keys.length === 1 && type === "INTEGER"));
    const values = copied.map(({ name }) => {
      if (name === owner) return "seed.new_id";
      if (name === "run_number") return "source.run_number + seed.number";
      if (name === "statement_id") return "seed.statement";
      return name === "at" || name.endsWith("_at") ? `source.${name} + seed.shift` : `source.${name}`;
    });
    const names = copied.map(({ name }) => name).join(", ");
    return db.prepare(
      `INSERT INTO ${table} (${names}) SELECT ${values.join(", ")}
        FROM seed CROSS JOIN ${table} AS source ON source.${owner} = seed.old_id`,
    );
  });
  return [statements, ...ofRuns];
}

function proofLinker(folder: string): (original: string, copy: string) => void {
  let made = "";
  return (original, copy) => {
    const target = join(folder, copy);
    if (dirname(target) !== made) mkdirSync((made = dirname(target)), { recursive: true, mode: 0o700 });
    linkSync(join(folder, original), target);
  };
}

/** So many leaves for one head: the fewer heads, the sooner a million is done. */
const LEAVES_A_HEAD = 8_192;

/** Brings the copied statements into a signed head, as the daemon would have; else it would spend its first minutes on that. */
async function logSeeded(data: string): Promise<void> {
  const { store, log } = await openSeededLog(data);
  for (;;) {
    const size = (await store.lastHead(log.tlog.origin))?.size ?? 0;
    const next = await store.statementsAfter(log.tlog.firstStatement + size - 1, LEAVES_A_HEAD);
    const statements = next.filter(isSigned);
    if (statements.length === 0) break;
    await log.entriesOf(statements);
    const through = statements.at(-1)!.id;
    await store.commit([{ type: "files_written", through, failed: [], mended: [] }]);
  }
  await store.close();
}

async function openSeededLog(data: string) {
  const [keys, writer] = [join(data, "keys"), createSyncedWriter()];
  const store = openStore({ file: databaseOf(data), now: Date.now(), crashPoint: noCrashPoint });
  const log = await openTransparencyLog({
    store,
    writer: { submit: async (change) => (await store.commit([change]))[0]! },
    files: createTlogFiles({ folder: join(data, "tlog"), formerFolder: join(data, "tlog-former"), writer }),
    // The daemon of a measurement has the data folder as its home.
    mark: createTlogMark(join(data, ".cache/cascade/tlog"), writer, () => undefined),
    keys: createTlogKeys(keys),
    seal: openLocalSigner(keys),
    leafOf: createLeafMaker(readPublicKeys(keys)),
    origin: null,
    clock: { now: Date.now },
    logger: silentLogger,
    crashPoint: noCrashPoint,
  });
  return { store, log };
}

function countOf(db: BetterSqlite3.Database): number {
  return db.prepare("SELECT count(*) FROM runs").pluck().get() as number;
}
