/**
 * Time, injected everywhere outside the composition root. What is planned or shown is an instant on the wall clock, which
 * may be set at any moment; what lasts (time limits, delays, durations) is a span of `elapsed`, which nobody can set.
 */
export interface Clock {
  /** The instant by the wall clock: milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since a moment of this process's life, with fractions. Never goes back; stands still while the host sleeps. */
  elapsed(): number;
  /** Calls back once after a span of at least `ms`, however long that is; the returned function calls it off. */
  after(ms: number, callback: () => void): () => void;
}

/** The wall clock was set, or the host slept. */
export interface ClockStep {
  /** The last instant that was surely read before the step. */
  until: number;
  /** Milliseconds by which the wall clock went further than the time that passed; negative when it was set back. */
  by: number;
}

/** Less is the doing of whoever keeps the clock right. */
const STEP_MS = 1_000;

/** Compares the wall clock with the time that passed since the last look. The returned function looks: null without a step. */
export function createStepWatch(clock: Pick<Clock, "now" | "elapsed">): () => ClockStep | null {
  let lastNow = clock.now();
  let lastElapsed = clock.elapsed();
  return () => {
    const now = clock.now();
    const elapsed = clock.elapsed();
    const expected = lastNow + elapsed - lastElapsed;
    const by = Math.round(now - expected);
    const until = by > 0 ? Math.floor(expected) : lastNow + by;
    lastNow = now;
    lastElapsed = elapsed;
    return Math.abs(by) < STEP_MS ? null : { until, by };
  };
}

/** How long it has been from one stored instant to another one, with the steps between them taken out; never negative. */
export function spanBetween(from: number, to: number, steps: readonly ClockStep[]): number {
  let span = to - from;
  for (const { until, by } of steps) if (from <= until && to > until) span -= by;
  return Math.max(0, span);
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
