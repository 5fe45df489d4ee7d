import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { CascadeError } from "../../kernel/errors.ts";

// Plain JavaScript, because a worker cannot load TypeScript in every place where this module runs.
const CHECK = `
const { parentPort, workerData } = require("node:worker_threads");
const Database = require(workerData.driver);
const db = new Database(workerData.file, { readonly: true, timeout: 5000 });
const findings = db.pragma("integrity_check(20)").map((row) => row.integrity_check);
db.close();
parentPort.postMessage(findings);
`;

/** Runs SQLite's full check in a thread with its own connection: it takes seconds on a large database. */
export function checkIntegrity(file: string): Promise<void> {
  const driver = createRequire(import.meta.url).resolve("better-sqlite3");
  return new Promise((resolve, reject) => {
    const worker = new Worker(CHECK, { eval: true, workerData: { driver, file } });
    worker.once("message", (findings: string[]) => {
      if (findings.length === 1 && findings[0] === "ok") resolve();
      else reject(new CascadeError("STORE_CORRUPT", `integrity check: ${findings.join("; ")}`));
    });
    worker.once("error", (error) =>
      reject(new CascadeError("STORE_CORRUPT", `integrity check: ${error.message}`, { cause: error })),
    );
  });
}
