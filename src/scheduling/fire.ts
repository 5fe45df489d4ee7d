import type { NewRun, Verdict } from "../domain/change.ts";
import { type Absence, decideFirings } from "../domain/firing.ts";
import type { Firing, Schedule } from "../domain/schedule.ts";
import type { CrashPoint } from "../kernel/crash-points.ts";
import { isoTime } from "../kernel/clock.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Calendar } from "../ports/calendar.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { ScheduleStore } from "../ports/store.ts";
import type { RunStarter } from "./run-starter.ts";

export interface FiringContext {
  calendar: Calendar;
  runs: RunStarter;
  writer: ChangeWriter;
  store: ScheduleStore;
  crashPoint: CrashPoint;
  logger: Logger;
}

export type FireResult =
  /** Durable: the schedule waits for this instant now. */
  | { kind: "fired"; nextAt: number | null }
  /** The stored schedule differs from the one given. */
  | { kind: "stale" };

/**
 * Decides on the due instants of a schedule and writes the decision with its runs in one change; effects follow only after
 * its verdict. Rejects when the rule cannot be computed any more, the signer fails or the writer gives up; nothing was written
 * then.
 */
export async function fire(
  context: FiringContext,
  schedule: Schedule,
  now: number,
  absence: Absence | null,
): Promise<FireResult> {
  const { calendar, runs, crashPoint } = context;
  const { cron, timezone } = schedule;
  const plan = decideFirings({
    schedule,
    instants: {
      next: (after) => calendar.next(cron, timezone, after),
      count: (after, until) => calendar.count(cron, timezone, after, until),
    },
    now,
    absence,
    workflowPaused: runs.isPaused(schedule.workflow),
    activeRuns: runs.activeRuns(schedule.id),
  });
  let prepared = await Promise.all(plan.firings.map((firing) => prepare(context, schedule, firing)));
  let verdict = await submit(context, schedule, plan.nextAt, prepared);
  if (!verdict.ok && verdict.refusal === "exists") {
    // The clock went back and the schedule was counted anew, over instants that had fired.
    const instants = plan.firings.map(({ plannedAt }) => plannedAt);
    const between = await context.store.firingsBetween(schedule.id, instants[0]! - 1, instants.at(-1)!);
    const decided = new Set(between.map(({ plannedAt }) => plannedAt));
    prepared = prepared.filter(({ firing }) => !decided.has(firing.plannedAt));
    verdict = await submit(context, schedule, plan.nextAt, prepared);
  }
  if (!verdict.ok) {
    if (verdict.refusal === "stale") return { kind: "stale" };
    throw new Error(`the firing was refused: ${verdict.message}`);
  }
  crashPoint("firing-committed");
  const newRuns = prepared.flatMap(({ run }) => run ?? []);
  if (newRuns.length > 0) {
    runs.started(newRuns);
    for (const previous of plan.cancel) cancel(context, schedule, previous);
  }
  for (const { firing } of prepared) report(context.logger, schedule, firing);
  return { kind: "fired", nextAt: plan.nextAt };
}

interface PreparedFiring {
  firing: Firing;
  run: NewRun | null;
}

async function prepare(context: FiringContext, schedule: Schedule, firing: Firing): Promise<PreparedFiring> {
  if (firing.decision !== "started") return { firing, run: null };
  const { plannedAt, late } = firing;
  const trigger = { kind: "schedule", schedule: schedule.id, late } as const;
  try {
    const run = await context.runs.newRun(schedule.workflow, { params: schedule.params, trigger, plannedAt });
    return { firing: { ...firing, runId: run.run.id }, run };
  } catch (error) {
    // Nothing is wrong with the instant: it is settled later, when a statement can be signed again.
    if (error instanceof CascadeError && error.code === "SIGNER_FAILED") throw error;
    context.logger.error(
      { event: "schedule.refused", workflow: schedule.workflow, schedule: schedule.id, err: error },
      "no run could be made for a due instant; it is skipped",
    );
    return { firing: { ...firing, decision: "skipped", reason: "run_refused" }, run: null };
  }
}

function submit(
  { writer }: FiringContext,
  schedule: Schedule,
  nextAt: number | null,
  prepared: readonly PreparedFiring[],
): Promise<Verdict> {
  return writer.submit({
    type: "fire",
    schedule: schedule.id,
    expectedNextAt: schedule.nextAt,
    nextAt,
    firings: prepared.map(({ firing }) => firing),
    runs: prepared.flatMap(({ run }) => run ?? []),
  });
}

function cancel({ runs, logger }: FiringContext, { id, workflow }: Schedule, runId: string): void {
  runs.cancel(runId, "overlap").catch((error: unknown) => {
    logger.error({ event: "schedule.cancel_failed", workflow, runId, schedule: id, err: error }, "run not cancelled");
  });
}

function report(logger: Logger, { id, workflow }: Schedule, firing: Firing): void {
  const { runId, reason, count, late } = firing;
  const fields = { workflow, schedule: id, plannedAt: isoTime(firing.plannedAt), late, count, reason };
  switch (firing.decision) {
    case "started":
      return logger.info({ event: "schedule.fired", ...fields, ...(runId && { runId }) }, "schedule fired");
    case "skipped":
      return logger.info({ event: "schedule.skipped", ...fields }, `schedule skipped: ${reason}`);
    case "missed":
      return logger.warn({ event: "schedule.missed", ...fields }, `${count} instants missed while the daemon was away`);
  }
}
