import type { WorkflowRecord } from "./registry.ts";
import type { Schedule } from "./schedule.ts";

/**
 * What survives when a package is dropped again or in another version. The store applies both in the step that writes the
 * served definitions, so that a pause or a firing decided at the same moment is not undone.
 */

/** A workflow keeps its pause under its identity. */
export function workflowKeeping(stored: WorkflowRecord | undefined, served: WorkflowRecord): WorkflowRecord {
  return { ...served, pausedAt: stored?.pausedAt ?? served.pausedAt };
}

/**
 * A schedule keeps its pause under its identity, and its next instant as long as it stayed loaded with the same expression
 * and zone. Otherwise it counts from load: nothing fires for the time it was not there.
 */
export function scheduleKeeping(stored: Schedule | undefined, served: Schedule): Schedule {
  if (!stored) return served;
  const goesOn = stored.present && stored.cron === served.cron && stored.timezone === served.timezone;
  const nextAt = goesOn ? stored.nextAt : served.nextAt;
  return { ...served, state: stored.state, nextAt: stored.state === "paused" ? null : nextAt };
}
