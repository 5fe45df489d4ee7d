import BetterSqlite3 from "better-sqlite3";
import { CascadeError } from "../../kernel/errors.ts";

export interface Lock {
  release(): void;
}

/**
 * Takes the lock of a data folder or throws `LOCK_HELD`. It is an exclusive transaction on a SQLite file, so the kernel frees
 * it with the process. Nothing else in the process may open that file: closing any other descriptor of it would release it.
 */
export function takeLock(file: string): Lock {
  let db: BetterSqlite3.Database | undefined;
  try {
    db = new BetterSqlite3(file, { timeout: 0 });
    db.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    db?.close();
    if (error instanceof BetterSqlite3.SqliteError && error.code === "SQLITE_BUSY") {
      throw new CascadeError("LOCK_HELD", `another daemon holds ${file}`);
    }
    throw new CascadeError("CANNOT_CREATE", `cannot take the lock ${file}`, { cause: error });
  }
  const held = db;
  return { release: () => void held.close() };
}
