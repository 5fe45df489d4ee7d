import BetterSqlite3 from "better-sqlite3";
import { CascadeError } from "../../kernel/errors.ts";

/** What SQLite's failures mean for the daemon: wait, or end. */
export function storageError(error: unknown): CascadeError {
  if (error instanceof CascadeError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof BetterSqlite3.SqliteError)) return new CascadeError("STORE_FAILED", message, { cause: error });
  if (error.code === "SQLITE_FULL" || error.code === "SQLITE_BUSY")
    return new CascadeError("STORE_FULL", message, { cause: error });
  if (error.code === "SQLITE_CORRUPT" || error.code === "SQLITE_NOTADB" || error.code.startsWith("SQLITE_CORRUPT")) {
    return new CascadeError("STORE_CORRUPT", message, { cause: error });
  }
  return new CascadeError("STORE_FAILED", message, { cause: error });
}

/** True when one change broke a rule of the schema: it is refused, its neighbours go on. */
export function isConstraint(error: unknown): boolean {
  return error instanceof BetterSqlite3.SqliteError && error.code.startsWith("SQLITE_CONSTRAINT");
}

export function isUnique(error: unknown): boolean {
  return (
    error instanceof BetterSqlite3.SqliteError &&
    (error.code === "SQLITE_CONSTRAINT_UNIQUE" || error.code === "SQLITE_CONSTRAINT_PRIMARYKEY")
  );
}
