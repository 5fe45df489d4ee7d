import type { Firing, Schedule } from "../domain/schedule.ts";
import type { CatchUp } from "../domain/workflow.ts";
import { isoTime } from "../kernel/clock.ts";
import { isoOrNull } from "./run-views.ts";
import type { FiringView, ScheduleView } from "./views.ts";

export function scheduleView(schedule: Schedule, lastFiring: Firing | undefined): ScheduleView {
  return {
    id: schedule.id,
    workflow: schedule.workflow,
    name: schedule.name,
    cron: schedule.cron,
    timezone: schedule.timezone,
    state: schedule.state,
    params: schedule.params,
    catchUp: catchUpText(schedule.catchUp),
    overlap: schedule.overlap,
    nextAt: schedule.state === "active" ? isoOrNull(schedule.nextAt) : null,
    lastFiring: lastFiring ? firingView(lastFiring) : null,
  };
}

export function firingView(firing: Firing): FiringView {
  return {
    plannedAt: isoTime(firing.plannedAt),
    decidedAt: isoTime(firing.decidedAt),
    decision: firing.decision,
    runId: firing.runId,
    late: firing.late,
    reason: firing.reason,
    count: firing.count,
  };
}

function catchUpText(catchUp: CatchUp): string {
  return catchUp.kind === "all" ? `all(${catchUp.max})` : catchUp.kind;
}
