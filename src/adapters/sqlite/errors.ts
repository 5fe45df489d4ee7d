import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { CascadeError, systemErrorCode } from "../../kernel/errors.ts";
import { DamagedRow } from "./stored-values.ts";

/**
 * What a failure of SQLite, or a row that cannot be read, means for the daemon: wait, or end. `file` is the database. For its writer
 * a file beside it is written, where only that tells a full disk from a broken one.
 */
export function storageError(error: unknown, file: string, who: "reader" | "writer" = "writer"): CascadeError {
  if (error instanceof CascadeError) return error;
  if (error instanceof DamagedRow) return damaged(file, error.message, error);
  const message = error instanceof Error ? error.message : String(error);
  const failed = (hint?: string) =>
    new CascadeError("STORE_FAILED", `${file}: ${message}`, { cause: error, ...(hint ? { hint } : {}) });
  if (!(error instanceof BetterSqlite3.SqliteError)) return failed();
  const { code } = error;
  const [, kind = ""] = /^SQLITE_([A-Z]+)/.exec(code) ?? [];
  switch (kind) {
    case "FULL":
      return new CascadeError("STORE_FULL", `${file}: ${message}`, { cause: error });
    case "BUSY":
    case "LOCKED":
      return new CascadeError("STORE_BUSY", `another program keeps ${file} locked`, {
        cause: error,
        hint: `\`fuser -v '${file}'\` names it; everything waits and goes on by itself when the lock is gone.`,
      });
    case "CORRUPT":
    case "NOTADB":
    case "FORMAT":
      return damaged(file, message, error);
    case "IOERR":
    case "CANTOPEN":
      // SQLite tells a used-up quota, and a full disk under its shared memory, as an I/O error, without the system's code.
      if (who === "writer" && hasNoRoom(file))
        return new CascadeError("STORE_FULL", `${file}: ${message}`, { cause: error });
      return kind === "CANTOPEN" ? failed() : damaged(file, `${message} (${code})`, error);
    case "READONLY":
      return code === "SQLITE_READONLY_DBMOVED"
        ? damaged(file, "it was moved or deleted while the daemon ran", error)
        : failed(`Make ${file} and its folder writable for the daemon's user.`);
    default:
      return failed();
  }
}

/** `STORE_CORRUPT` with the way back. */
export function damaged(file: string, what: string, cause?: unknown): CascadeError {
  return new CascadeError("STORE_CORRUPT", `${file} is damaged: ${what}`, {
    ...(cause === undefined ? {} : { cause }),
    hint:
      `Look at the kernel log for failures of the disk; then restore the newest backup of the whole folder ${dirname(file)}, ` +
      "and keep what is there until that runs. To begin anew without its history, name an empty folder with --data.",
  });
}

/** More than a batch takes, so that what a quota has left for a small file does not hide it. */
const PROBE_BYTES = 1 << 20;

function hasNoRoom(file: string): boolean {
  const probe = `${file}-probe`;
  try {
    const fd = openSync(probe, "w", 0o600);
    try {
      const bytes = Buffer.alloc(PROBE_BYTES);
      for (let offset = 0; offset < bytes.length;) offset += writeSync(fd, bytes, offset);
    } finally {
      closeSync(fd);
    }
    return false;
  } catch (error) {
    const code = systemErrorCode(error);
    return code === "ENOSPC" || code === "EDQUOT";
  } finally {
    rmSync(probe, { force: true });
  }
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
