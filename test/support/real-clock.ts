import type { Clock } from "../../src/kernel/clock.ts";

/** The host's clock, for tests of things that the host sets in motion. */
export const realClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
