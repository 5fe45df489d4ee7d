import BetterSqlite3 from "better-sqlite3";
import type { CrashPoint } from "../../kernel/crash-points.ts";
import { CascadeError } from "../../kernel/errors.ts";
import { storageError } from "./errors.ts";
import { migrate, type Migration, shippedMigrations } from "./migrate.ts";

export type Database = BetterSqlite3.Database;

export interface OpenOptions {
  file: string;
  now: number;
  crashPoint: CrashPoint;
  /** For tests of migration itself. */
  migrations?: readonly Migration[];
}

/** Opens or creates the database for its one writer and brings it to the newest schema. */
export function openDatabase(options: OpenOptions): Database {
  const db = connect(options.file, false);
  try {
    // FULL: what a verdict has called ok survives power loss. Group commit makes it affordable.
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = FULL");
    db.pragma("foreign_keys = ON");
    db.pragma("journal_size_limit = 67108864");
    // A checkpoint every 16 MB: pages that change again and again are copied back less often.
    db.pragma("wal_autocheckpoint = 4000");
    db.pragma("temp_store = MEMORY");
    migrate(db, options.migrations ?? shippedMigrations(), options);
    return db;
  } catch (error) {
    db.close();
    throw error instanceof CascadeError ? error : storageError(error);
  }
}

/** Opens an existing database for reading, beside a living daemon or without one. */
export function openReadOnly(file: string): Database {
  const db = connect(file, true);
  try {
    db.pragma("query_only = ON");
    db.prepare("SELECT 1 FROM migrations").get();
    return db;
  } catch (error) {
    db.close();
    throw storageError(error);
  }
}

function connect(file: string, readonly: boolean): Database {
  try {
    // A waiting connection blocks the event loop, so the wait is short.
    return new BetterSqlite3(file, { timeout: 500, readonly, fileMustExist: readonly });
  } catch (error) {
    throw storageError(error);
  }
}
