const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/y;

/** Longer spans are typing mistakes, and their sums would leave the range of exact integers. */
const MAX_MS = 3_660 * UNIT_MS.d;

/**
 * Reads `"30s"`, `"1h30m"`, `"1.5h"` or `"250ms"` as milliseconds (rounded to whole ones).
 * Undefined for anything else: a bare number, spaces, a sign, an unknown unit, more than ten years.
 */
export function parseDuration(text: string): number | undefined {
  let total = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < text.length) {
    const part = PART.exec(text);
    if (!part) return undefined;
    total += Number(part[1]) * UNIT_MS[part[2] as keyof typeof UNIT_MS];
  }
  if (text === "" || total > MAX_MS) return undefined;
  return Math.round(total);
}

/** A span as people read it, `"88ms"`, `"1.1s"` or `"1m30s"`: from ten seconds on in whole seconds. */
export function roundedDuration(ms: number): string {
  if (ms < 999.5) return formatDuration(Math.round(ms));
  if (ms < 9_950) return `${Number((ms / 1_000).toFixed(1))}s`;
  return formatDuration(Math.round(ms / 1_000) * 1_000);
}

/** The shortest exact form that `parseDuration` reads back: `90000` → `"1m30s"`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0ms";
  let rest = ms;
  let text = "";
  for (const unit of ["d", "h", "m", "s", "ms"] as const) {
    const count = Math.floor(rest / UNIT_MS[unit]);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * UNIT_MS[unit];
  }
  return text;
}
