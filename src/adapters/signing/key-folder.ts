import { mkdirSync } from "node:fs";
import { CascadeError } from "../../kernel/errors.ts";

/** Makes the folder for a daemon's keys. Throws `CANNOT_CREATE`. */
export function makeKeysFolder(path: string): void {
  create(() => mkdirSync(path, { recursive: true, mode: 0o700 }));
}

/** Throws `CANNOT_CREATE` when the action fails. */
export function create(action: () => void): void {
  try {
    action();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CascadeError("CANNOT_CREATE", `the keys cannot be written: ${reason}`, { cause: error });
  }
}
