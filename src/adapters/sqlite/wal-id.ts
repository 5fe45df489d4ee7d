import { closeSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { fsyncFolder, writeFileAtomic } from "../../kernel/atomic-file.ts";
import { CascadeError, systemErrorCode } from "../../kernel/errors.ts";

/**
 * SQLite applies any write-ahead log that lies beside a database, also one of another database: nothing in the two files
 * tells that they belong together. So `cascade.wal-id` remembers which one the last daemon wrote. While the file is not
 * there, as between the first write of a daemon and its note, any log is taken.
 */
const FOLDED = "none";

function noteOf(file: string): string {
  return file.replace(/\.db$/, "") + ".wal-id";
}

/** Throws `STORE_CORRUPT` when the write-ahead log beside the database is another one than the last daemon wrote. */
export function checkWal(file: string): void {
  // Twice, because a daemon that stops meanwhile takes its log away before it says so.
  if (!isForeign(file) || !isForeign(file)) return;
  throw new CascadeError(
    "STORE_CORRUPT",
    `${file}-wal is not the write-ahead log that the last daemon left beside ${file}`,
    {
      hint:
        `Put the right one back, or restore the newest backup of the whole folder ${dirname(file)}. Remove ${noteOf(file)} ` +
        "only if you know that the two belong together, such as after another program has written to the database.",
    },
  );
}

// The log is read first, because a daemon that starts takes its note away before it writes a log.
function isForeign(file: string): boolean {
  const wal = walId(file);
  if (wal === null) return false;
  const noted = readNote(file);
  return noted !== null && noted !== wal;
}

/** Before the first write of a new log, which nobody has a note of. A log that is there goes on. */
export function forgetWal(file: string): void {
  if (walId(file) !== null || readNote(file) === null) return;
  rmSync(noteOf(file), { force: true });
  fsyncFolder(dirname(file));
}

/** After the first write of a daemon. */
export function noteWal(file: string): void {
  const wal = walId(file);
  if (wal !== null) note(file, wal);
}

/** After a close that has folded the log back into the database. One that a reader has kept open stays the noted one. */
export function noteFolded(file: string): void {
  if (walId(file) === null) note(file, FOLDED);
}

/** A full disk keeps nobody from working: without a note any log is taken. */
function note(file: string, text: string): void {
  try {
    writeFileAtomic(noteOf(file), `${text}\n`);
  } catch {
    rmSync(noteOf(file), { force: true });
  }
}

function readNote(file: string): string | null {
  try {
    const text = readFileSync(noteOf(file), "utf8").trim();
    return text === "" ? null : text;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return null;
    throw error;
  }
}

/**
 * What stays the same as long as the log is written: its first salt, random at first, and its count of checkpoints are raised
 * together each time it begins anew. Null when there is no log, or an empty one.
 */
function walId(file: string): string | null {
  const header = Buffer.alloc(32);
  try {
    const fd = openSync(`${file}-wal`, "r");
    try {
      if (readSync(fd, header, 0, header.length, 0) < header.length) return null;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return null;
    throw error;
  }
  // So does a loss of power leave one whose first write was never answered.
  if (header.every((byte) => byte === 0)) return null;
  const [checkpoints, salt] = [header.readUInt32BE(12), header.readUInt32BE(16)];
  return `${header.toString("hex", 0, 4)}-${((salt - checkpoints) >>> 0).toString(16).padStart(8, "0")}`;
}
