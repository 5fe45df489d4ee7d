import { formatDuration } from "../../kernel/duration.ts";

/** `840ms`, `1.2s` rather than `1s200ms`, `1m12s`. */
export function readableSpan(ms: number): string {
  if (ms < 1_000) return formatDuration(Math.round(ms));
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)}s` : formatDuration(Math.round(ms / 1_000) * 1_000);
}
