import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import BetterSqlite3 from "better-sqlite3";
import { damaged, storageError } from "./errors.ts";

/** `quick`: all that makes the file readable. `full`: also that indexes and tables tell the same. */
export type Depth = "quick" | "full";

const PRAGMAS = { quick: "quick_check(5)", full: "integrity_check(20)" } as const;

// Plain JavaScript, because a worker cannot load TypeScript in every place where this module runs.
const CHECK = `
const { parentPort, workerData } = require("node:worker_threads");
const Database = require(workerData.driver);
let answer;
try {
  const db = new Database(workerData.file, { readonly: true, timeout: 5000 });
  answer = { findings: db.pragma(workerData.pragma).map((row) => Object.values(row)[0]) };
  db.close();
} catch (error) {
  answer = { code: error.code ?? null, message: error.message };
}
parentPort.postMessage(answer);
`;

type Answer = { findings: readonly string[] } | { code: string | null; message: string };

/** Runs SQLite's own check in a thread with its own connection: it takes seconds on a large database. Rejects with a coded error. */
export function checkIntegrity(file: string, depth: Depth): Promise<void> {
  const driver = createRequire(import.meta.url).resolve("better-sqlite3");
  return new Promise((resolve, reject) => {
    const worker = new Worker(CHECK, { eval: true, workerData: { driver, file, pragma: PRAGMAS[depth] } });
    worker.unref();
    worker.once("message", (answer: Answer) => {
      try {
        judge(file, answer);
        resolve();
      } catch (error) {
        reject(storageError(error, file));
      }
    });
    worker.once("error", (error) => reject(storageError(error, file)));
  });
}

function judge(file: string, answer: Answer): void {
  if ("findings" in answer) return judgeFindings(file, answer.findings);
  const { code, message } = answer;
  throw code === null ? new Error(message) : new BetterSqlite3.SqliteError(message, code);
}

/** The quick check in this thread: 2 ms a megabyte. */
export function quickCheck(db: BetterSqlite3.Database): void {
  const rows = db.pragma(PRAGMAS.quick) as readonly object[];
  judgeFindings(
    db.name,
    rows.map((row) => String(Object.values(row)[0])),
  );
}

function judgeFindings(file: string, findings: readonly string[]): void {
  if (findings.length === 1 && findings[0] === "ok") return;
  throw damaged(file, findings.map((finding) => finding.replace(/\s*\n\s*/g, " ")).join("; "));
}
