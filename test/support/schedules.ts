import type { Schedule } from "../../src/domain/schedule.ts";

/** A schedule with every default, due at each full minute of UTC, for tests that care about some fields. */
export function schedule(change: Partial<Schedule> = {}): Schedule {
  return {
    id: "pack/flow/each-minute",
    workflow: "pack/flow",
    name: "each-minute",
    cron: "* * * * *",
    timezone: "UTC",
    params: {},
    catchUp: { kind: "latest", max: 10 },
    overlap: "skip",
    state: "active",
    present: true,
    nextAt: null,
    ...change,
  };
}
