import schedule from "node-schedule";
import type { Alarm } from "../../ports/alarm.ts";
import "./luxon-language.ts";

/**
 * An alarm clock for one instant. It keeps the process alive while it is set. `now` is the wall clock: a timer that
 * comes early, as Node's do by a millisecond, is set again.
 */
export function createAlarm(options: { now: () => number }): Alarm {
  let callOff: (() => void) | undefined;

  function clear(): void {
    callOff?.();
    callOff = undefined;
  }

  function set(instant: number, callback: () => void): void {
    clear();
    const check = () => {
      if (options.now() < instant) return set(instant, callback);
      callOff = undefined;
      callback();
    };
    // node-schedule answers null for an instant that has passed. It is given no cron text: it has a dialect of its own.
    const job = options.now() < instant ? schedule.scheduleJob(new Date(instant), check) : null;
    if (job) {
      callOff = () => void job.cancel();
    } else {
      const immediate = setImmediate(check);
      callOff = () => clearImmediate(immediate);
    }
  }

  return { set, clear };
}
