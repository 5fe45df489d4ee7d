import { roundedDuration } from "../kernel/duration.ts";
import type { Io } from "./io.ts";

export function printJson(io: Io, value: unknown): void {
  io.out(`${JSON.stringify(value, null, 2)}\n`);
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
