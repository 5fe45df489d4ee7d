import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Published known answers that lie beside the project, not in it. */
const root = join(import.meta.dirname, "../../../shared/vectors");

/** Why tests with the vectors skip, or false. */
export const vectorsAbsent = existsSync(root) ? false : `skipped: no published vectors at ${root}`;

export function vectorBytes(path: string): Buffer {
  return readFileSync(join(root, path));
}

export function vectorText(path: string): string {
  return vectorBytes(path).toString("utf8");
}

/** The content of a JSON vector, whose shape the test knows. */
export function vector<T>(path: string): T {
  return JSON.parse(vectorText(path)) as T;
}
