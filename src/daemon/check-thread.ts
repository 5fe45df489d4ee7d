import { fileURLToPath } from "node:url";
import { createChecks } from "../adapters/checks/create-checks.ts";
import { createCalendar } from "../adapters/time/calendar.ts";
import type { Checks } from "../ports/checks.ts";
import { systemClock } from "./system-clock.ts";

/** The program of the check thread, which is built beside this one. */
export function checkThreadEntry(): string {
  return fileURLToPath(new URL("../daemon/check-thread-entry.cjs", import.meta.url));
}

/** The checks of a command, which begins no thread unless it has to. */
export function commandChecks(): Checks {
  return createChecks({ calendar: createCalendar(), clock: systemClock, entry: checkThreadEntry });
}
