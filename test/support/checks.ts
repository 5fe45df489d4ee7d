import { createPackageArchive } from "../../src/adapters/archive/package-archive.ts";
import { createChecks } from "../../src/adapters/checks/create-checks.ts";
import { createCalendar } from "../../src/adapters/time/calendar.ts";
import { systemClock } from "../../src/daemon/system-clock.ts";
import type { Checks } from "../../src/ports/checks.ts";
import { builtEntry } from "./built-entry.ts";

/** Checks as the daemon makes them. The program of their thread is built only when it is needed. */
export function testChecks(): Checks {
  return createChecks({
    calendar: createCalendar(),
    clock: systemClock,
    entry: () => builtEntry("daemon/check-thread-entry.ts"),
  });
}

export function testArchive(limits: Parameters<typeof createPackageArchive>[0]["limits"] = {}) {
  return createPackageArchive({ checks: testChecks(), limits });
}
