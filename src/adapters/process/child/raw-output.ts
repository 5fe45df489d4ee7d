import { constants, fstatSync, futimesSync } from "node:fs";
import { endMarker } from "../protocol.ts";
import { writeAll } from "./write-all.ts";

/** Descriptors 1 and 2, which are one pipe, as far as something is written to them past `process.stdout` and `console`. */
export interface RawOutput {
  /** Writes the end marker of an attempt if anything was written since the last one; `lost` when a task has closed it. */
  mark(n: number): "marked" | "untouched" | "lost";
}

const PIPE = 1;
const UNTOUCHED = 0;

/**
 * A write to a pipe changes its time, so that an attempt which wrote nothing costs one look at it instead of a marker
 * that the daemon has to read. Where a file system keeps no such times, every attempt gets its marker.
 */
export function createRawOutput(hostName: string): RawOutput {
  const reset = () => {
    try {
      futimesSync(PIPE, UNTOUCHED, UNTOUCHED);
    } catch {
      // Looked at below, or closed by a task.
    }
  };
  const look = (): "touched" | "untouched" | "lost" => {
    try {
      const { mtimeMs, mode } = fstatSync(PIPE);
      // The number of a closed descriptor goes to the next file that is opened.
      if ((mode & constants.S_IFMT) !== constants.S_IFIFO) return "lost";
      return mtimeMs === UNTOUCHED ? "untouched" : "touched";
    } catch {
      return "lost";
    }
  };
  reset();
  const tellsTouches = look() === "untouched" && writeAll(PIPE, endMarker(hostName, 0)) && look() === "touched";
  reset();
  return {
    mark(n) {
      const seen = look();
      if (seen === "lost" || (seen === "untouched" && tellsTouches)) return seen;
      const written = writeAll(PIPE, endMarker(hostName, n));
      reset();
      return written ? "marked" : "lost";
    },
  };
}
