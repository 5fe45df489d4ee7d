import { spawnSync } from "node:child_process";

/** Asks a database with the `sqlite3` program, which shares nothing with the daemon but the format. */
export function sqliteProgram<Row>(file: string, sql: string): Row[] {
  const answer = spawnSync("sqlite3", ["-readonly", "-json", file, sql], { encoding: "utf8", maxBuffer: 1 << 28 });
  if (answer.error) throw answer.error;
  if (answer.status !== 0) throw new Error(`sqlite3: ${answer.stderr}`);
  return answer.stdout.trim() === "" ? [] : (JSON.parse(answer.stdout) as Row[]);
}
