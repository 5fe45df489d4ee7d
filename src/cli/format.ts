import { roundedDuration } from "../kernel/duration.ts";
import type { Io } from "./io.ts";

export function printJson(io: Io, value: unknown): void {
  io.out(`${jsonText(value, 2)}\n`);
}

/** JSON that holds no control character but newlines, so that it reaches every reader as it is. */
export function jsonText(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** An ISO instant to the second. */
export function shortTime(iso: string | null): string | null {
  return iso === null ? null : `${iso.slice(0, 19).replace("T", " ")}Z`;
}

export function shortSpan(ms: number | null): string | null {
  return ms === null ? null : roundedDuration(ms);
}

export function shortSize(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  const kilobytes = bytes / 1_024;
  return kilobytes < 1_024 ? `${kilobytes.toFixed(1)} KB` : `${(kilobytes / 1_024).toFixed(1)} MB`;
}
