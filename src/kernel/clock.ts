/** Wall-clock time and timers, injected everywhere outside the composition root. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once after at least `ms` milliseconds, however long that is; the returned function calls it off. */
  after(ms: number, callback: () => void): () => void;
}

/** The second of the last call: most times that are told lie close together, and a date costs ten times as much. */
let second = NaN;
let upToMs = "";

/** Times in JSON are ISO-8601 in UTC with milliseconds. `ms` is whole. Throws a RangeError for what no date can be. */
export function isoTime(ms: number): string {
  const current = Math.floor(ms / 1_000);
  if (current !== second) {
    upToMs = new Date(ms).toISOString().slice(0, -4);
    second = current;
  }
  return `${upToMs}${String(ms - current * 1_000).padStart(3, "0")}Z`;
}
