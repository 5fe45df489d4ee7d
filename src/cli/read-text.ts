import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import type { Io } from "./io.ts";

/** The text of a file that the caller named. Throws `IO_FAILED`. */
export function readText(io: Io, path: string): string {
  try {
    return readFileSync(resolve(io.workingDir, path), "utf8");
  } catch (error) {
    throw new CascadeError("IO_FAILED", `cannot read ${path}: ${toCascadeError(error).message}`, {
      cause: error,
      hint: "Name a file that exists and can be read.",
    });
  }
}
