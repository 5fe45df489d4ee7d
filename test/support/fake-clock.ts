import type { Clock } from "../../src/kernel/clock.ts";

export interface FakeClock extends Clock {
  /**
   * Moves the time on, ringing every timer that becomes due at its own instant and in order; timers set meanwhile
   * ring too. Promises settle between two timers.
   */
  advance(ms: number): Promise<void>;
  /** Sets the time without ringing anything, as a host that slept or whose clock was stepped; timers keep their distance. */
  jump(ms: number): void;
  /** Timers that have not rung. */
  pending(): number;
}

/** A clock that stands still until it is told to move. */
export function createFakeClock(startAt = Date.UTC(2026, 0, 1)): FakeClock {
  let time = startAt;
  /** By how much the wall clock was set. */
  let jumped = 0;
  let order = 0;
  const timers = new Map<number, { at: number; callback: () => void }>();

  function nextDue(until: number): [number, { at: number; callback: () => void }] | undefined {
    let first: [number, { at: number; callback: () => void }] | undefined;
    for (const entry of timers) {
      if (entry[1].at <= until && (!first || entry[1].at < first[1].at)) first = entry;
    }
    return first;
  }

  return {
    now: () => time,
    elapsed: () => time - jumped - startAt,
    after(ms, callback) {
      const id = ++order;
      timers.set(id, { at: time + Math.max(0, ms), callback });
      return () => void timers.delete(id);
    },
    async advance(ms) {
      // Jumps between two timers move the target with them, so that the distance stays what was asked for.
      let left = ms;
      await settle();
      for (;;) {
        const due = nextDue(time + left);
        if (!due) break;
        const [id, timer] = due;
        timers.delete(id);
        left -= Math.max(0, timer.at - time);
        time = Math.max(time, timer.at);
        timer.callback();
        await settle();
      }
      time += left;
    },
    jump(ms) {
      time += ms;
      jumped += ms;
      for (const timer of timers.values()) timer.at += ms;
    },
    pending: () => timers.size,
  };
}

/** Lets promises that need no timer and no I/O settle. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
