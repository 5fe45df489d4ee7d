import { readFileSync } from "node:fs";
import { readRows } from "./database.ts";

/** The variable that names the file; packages declare it. */
export const IDS_VARIABLE = "BENCH_IDS";

/** Code for the top of a workflow's source: `note(id)` writes a line from inside the process, at once and to the end of the file. */
export const noteSource = `
import { openSync, writeSync } from "node:fs";
let file: number | undefined;
function note(id: string): string {
  file ??= openSync(process.env["${IDS_VARIABLE}"]!, "a");
  writeSync(file, id + "\\n");
  return id;
}
`;

/**
 * What tasks wrote while they ran and what the database says they returned are the same ids, each once: no task ran twice,
 * none was left out, and no output belongs to another task. Throws otherwise. Returns how many there were.
 */
export function compareIds(data: string, file: string): number {
  const written = readFileSync(file, "utf8").split("\n").slice(0, -1).sort();
  const stored = storedIds(data).sort();
  const difference = written.findIndex((id, index) => id !== stored[index]);
  if (difference >= 0 || written.length !== stored.length) {
    const example = difference >= 0 ? `${written[difference]} against ${stored[difference]}` : stored[written.length];
    throw new Error(`tasks wrote ${written.length} ids, the database has ${stored.length}: ${example}`);
  }
  return written.length;
}

function storedIds(data: string): string[] {
  const rows = readRows<{ output: string }>(data, "SELECT output FROM task_runs WHERE output IS NOT NULL");
  return rows.map(({ output }) => (JSON.parse(output) as { id: string }).id);
}
