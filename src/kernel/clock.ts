/** Wall-clock time and timers, injected everywhere outside the composition root. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once after at least `ms` milliseconds, however long that is; the returned function calls it off. */
  after(ms: number, callback: () => void): () => void;
}

/** Times in JSON are ISO-8601 in UTC with milliseconds. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
