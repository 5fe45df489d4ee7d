import { readdirSync, readFileSync, renameSync, rmSync, statfsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type BetterSqlite3 from "better-sqlite3";
import { sha256 } from "../../kernel/digest.ts";
import type { CrashPoint } from "../../kernel/crash-points.ts";
import { CascadeError } from "../../kernel/errors.ts";
import { damaged } from "./errors.ts";

/** "CSCD": what makes a SQLite file a Cascade database. */
const APPLICATION_ID = 0x43534344;

export interface Migration {
  number: number;
  name: string;
  sql: string;
  checksum: string;
}

/** The migrations shipped beside this file, in order: `0001_initial.sql` and so on. */
export function shippedMigrations(): Migration[] {
  const folder = join(dirname(fileURLToPath(import.meta.url)), "migrations");
  return readdirSync(folder)
    .filter((file) => /^\d{4}_.*\.sql$/.test(file))
    .sort()
    .map((file) => {
      const sql = readFileSync(join(folder, file), "utf8");
      return { number: Number(file.slice(0, 4)), name: basename(file, ".sql"), sql, checksum: sha256(sql) };
    });
}

/**
 * Tells whether this is a database that this version may use, and changes nothing. Throws `DATA_FOREIGN`, `DATA_NEWER`, or
 * `STORE_CORRUPT` when what it says of its schema does not hold.
 */
export function checkHeader(db: BetterSqlite3.Database, migrations: readonly Migration[]): "empty" | "ours" {
  const isEmpty = db.prepare("SELECT count(*) AS count FROM sqlite_schema").pluck().get() === 0;
  const version = schemaVersion(db);
  if (isEmpty && version === 0) return "empty";
  if (isEmpty) throw damaged(db.name, `its header names schema ${version}, and it has no table`);
  if (db.pragma("application_id", { simple: true }) !== APPLICATION_ID) {
    throw new CascadeError("DATA_FOREIGN", `${db.name} is a database of another program`);
  }
  const newest = migrations.at(-1)?.number ?? 0;
  if (version > newest) {
    throw new CascadeError(
      "DATA_NEWER",
      `${db.name} has schema ${version}; this version knows schemas up to ${newest}`,
    );
  }
  const applied = db
    .prepare<[], { number: number; checksum: string }>("SELECT number, checksum FROM migrations ORDER BY number")
    .all();
  if (applied.at(-1)?.number !== version)
    throw damaged(db.name, `its header names schema ${version}, its own list ${applied.at(-1)?.number ?? "none"}`);
  for (const row of applied) {
    const known = migrations.find((migration) => migration.number === row.number);
    if (known?.checksum !== row.checksum) {
      throw new CascadeError("DATA_FOREIGN", `${db.name}: schema step ${row.number} is not the one this version ships`);
    }
  }
  return "ours";
}

/**
 * Brings a checked database to the newest schema, one transaction a step. Before the first step on a database that holds data, a
 * copy is made beside it. Throws `CANNOT_CREATE` when there is no room for the copy.
 */
export function migrate(
  db: BetterSqlite3.Database,
  migrations: readonly Migration[],
  options: { now: number; crashPoint: CrashPoint },
): void {
  const version = schemaVersion(db);
  const steps = migrations.filter((migration) => migration.number > version);
  if (steps.length === 0) return;
  if (version > 0) backUp(db, version);
  for (const step of steps) {
    db.transaction(() => {
      if (step.number === 1) {
        db.pragma(`application_id = ${APPLICATION_ID}`);
        db.exec(
          "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
        );
      }
      db.exec(step.sql);
      db.prepare("INSERT INTO migrations VALUES (?, ?, ?, ?)").run(step.number, step.name, step.checksum, options.now);
      db.pragma(`user_version = ${step.number}`);
      options.crashPoint("migration-step-done");
    }).immediate();
  }
}

function schemaVersion(db: BetterSqlite3.Database): number {
  return db.pragma("user_version", { simple: true }) as number;
}

function backUp(db: BetterSqlite3.Database, version: number): void {
  const copy = `${db.name}.schema-${version}.backup`;
  const needed = statSync(db.name).size * 1.1;
  const disk = statfsSync(dirname(db.name));
  const free = disk.bavail * disk.bsize;
  if (free < needed) {
    throw new CascadeError(
      "CANNOT_CREATE",
      `the copy before the schema change needs ${Math.ceil(needed / 1e6)} MB, ${Math.floor(free / 1e6)} MB are free`,
      {
        hint: "Free disk space and start again; nothing was changed.",
      },
    );
  }
  // VACUUM INTO refuses a file that exists; a crash may have left one.
  rmSync(`${copy}.tmp`, { force: true });
  db.prepare("VACUUM INTO ?").run(`${copy}.tmp`);
  renameSync(`${copy}.tmp`, copy);
}
