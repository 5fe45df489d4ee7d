import type { Alarm } from "../../src/ports/alarm.ts";
import type { Clock } from "../../src/kernel/clock.ts";

export interface FakeAlarm extends Alarm {
  /** The instant it is set to; null when it is not set. */
  instant(): number | null;
}

/** An alarm on a (fake) clock; with `silent` it never rings, as after a sleep of the host. */
export function createFakeAlarm(clock: Clock, options: { silent?: boolean } = {}): FakeAlarm {
  let instant: number | null = null;
  let callOff = (): void => undefined;
  return {
    set(at, callback) {
      callOff();
      instant = at;
      if (options.silent) return;
      callOff = clock.after(at - clock.now(), () => {
        instant = null;
        callback();
      });
    },
    clear() {
      callOff();
      instant = null;
    },
    instant: () => instant,
  };
}
