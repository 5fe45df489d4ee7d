import { fileURLToPath } from "node:url";

/** The program of task processes, which is built beside this one. */
export function taskProcessEntry(): string {
  return fileURLToPath(new URL("../adapters/process/child/main.cjs", import.meta.url));
}
