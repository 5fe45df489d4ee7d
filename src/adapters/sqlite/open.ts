import { existsSync, statSync } from "node:fs";
import BetterSqlite3 from "better-sqlite3";
import type { CrashPoint } from "../../kernel/crash-points.ts";
import { damaged, storageError } from "./errors.ts";
import { quickCheck } from "./integrity.ts";
import { checkHeader, migrate, type Migration, shippedMigrations } from "./migrate.ts";
import { checkWal, forgetWal } from "./wal-id.ts";

export type Database = BetterSqlite3.Database;

export interface OpenOptions {
  file: string;
  now: number;
  crashPoint: CrashPoint;
  /**
   * Why there must be a database already, such as "its store/ is not empty"; null where a new one may be begun. A database that is
   * missing or empty beside what it once told of is a damaged one: to begin anew would strand all of that. Default: null.
   */
  begun?: string | null;
  /** For tests of migration itself. */
  migrations?: readonly Migration[];
}

/** A larger database is looked at beside the work: this much takes 30 ms of a start that takes 120. */
const QUICK_CHECK_MAX_BYTES = 16_000_000;

/** Whether opening the database checks it too. */
export function isCheckedOnOpening(file: string): boolean {
  return sizeOf(file) <= QUICK_CHECK_MAX_BYTES;
}

/** Opens or creates the database for its one writer and brings it to the newest schema. What is damaged is left untouched. */
export function openDatabase(options: OpenOptions): Database {
  const { file, begun = null } = options;
  const migrations = options.migrations ?? shippedMigrations();
  if (sizeOf(file) === 0) refuseEmpty(file, begun);
  checkWal(file);
  const db = connect(file, false);
  try {
    const state = checkHeader(db, migrations);
    if (state === "empty") refuseEmpty(file, begun);
    if (isCheckedOnOpening(file)) quickCheck(db);
    forgetWal(file);
    // FULL: what a verdict has called ok survives power loss. Group commit makes it affordable.
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = FULL");
    db.pragma("foreign_keys = ON");
    db.pragma("journal_size_limit = 67108864");
    // A checkpoint every 16 MB: pages that change again and again are copied back less often.
    db.pragma("wal_autocheckpoint = 4000");
    db.pragma("temp_store = MEMORY");
    migrate(db, migrations, options);
    return db;
  } catch (error) {
    db.close();
    throw storageError(error, file);
  }
}

/** Opens an existing database for reading, beside a living daemon or without one. */
export function openReadOnly(file: string): Database {
  checkWal(file);
  const db = connect(file, true);
  try {
    db.pragma("query_only = ON");
    if (checkHeader(db, shippedMigrations()) === "empty") throw damaged(file, "it is empty");
    return db;
  } catch (error) {
    db.close();
    throw storageError(error, file, "reader");
  }
}

function refuseEmpty(file: string, begun: string | null): void {
  if (begun !== null) throw damaged(file, `it is ${existsSync(file) ? "empty" : "missing"}, and ${begun}`);
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function connect(file: string, readonly: boolean): Database {
  try {
    // A waiting connection blocks the event loop, so the wait is short.
    return new BetterSqlite3(file, { timeout: 500, readonly, fileMustExist: readonly });
  } catch (error) {
    throw storageError(error, file, readonly ? "reader" : "writer");
  }
}
