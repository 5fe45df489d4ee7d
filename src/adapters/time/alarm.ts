import schedule from "node-schedule";
import type { Clock } from "../../kernel/clock.ts";
import type { Alarm } from "../../ports/alarm.ts";
import "./luxon-language.ts";

/** No timer is trusted for longer: the wall clock may be set meanwhile. */
const HOP_MS = 30_000;
/** What is left to node-schedule. When the clock goes back over one of its jobs, it sets a timer that nobody can call off. */
const JOB_MS = 50;

/**
 * An alarm clock for one instant of the wall clock. It keeps the process alive while it is set, and no longer. It goes in hops,
 * each a timer of its own that asks the clock anew, and ends with a job of the moment that is left.
 */
export function createAlarm(clock: Pick<Clock, "now" | "after">): Alarm {
  let callOff = (): void => undefined;

  function clear(): void {
    callOff();
    callOff = () => undefined;
  }

  function set(instant: number, callback: () => void): void {
    clear();
    const go = () => {
      clear();
      const left = instant - clock.now();
      if (left <= 0) callback();
      else wait(left);
    };
    const wait = (left: number) => {
      if (left > JOB_MS) {
        callOff = clock.after(Math.min(left - JOB_MS, HOP_MS), go);
        return;
      }
      // Null when the instant has just passed. It is given no cron text: it has a dialect of its own.
      const job = schedule.scheduleJob(new Date(instant), go);
      if (job) callOff = () => void job.cancel();
      else soon();
    };
    const soon = () => {
      const immediate = setImmediate(go);
      callOff = () => clearImmediate(immediate);
    };
    const left = instant - clock.now();
    if (left > 0) wait(left);
    else soon();
  }

  return { set, clear };
}
