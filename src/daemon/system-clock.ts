import type { Clock } from "../kernel/clock.ts";

/** setTimeout takes 31 bits of milliseconds; a longer wait would ring at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** The clock of this host. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, callback) {
    let timer: NodeJS.Timeout;
    const wait = (rest: number): void => {
      timer = setTimeout(
        () => (rest > TIMER_MAX_MS ? wait(rest - TIMER_MAX_MS) : callback()),
        Math.min(rest, TIMER_MAX_MS),
      );
    };
    wait(Math.max(ms, 0));
    return () => clearTimeout(timer);
  },
};
