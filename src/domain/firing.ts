import { assertNever } from "../kernel/assert.ts";
import type { RunId } from "./run.ts";
import type { Firing, Schedule } from "./schedule.ts";

/** The planned instants of one schedule. */
export interface PlannedInstants {
  /** The first one after `after`; null when there is none any more. */
  next(after: number): number | null;
  /** How many are after `after` and not after `until`, without going through them. */
  count(after: number, until: number): number;
}

/** A stretch of time in which the daemon did not look at its schedules. Both ends belong to it. */
export interface Absence {
  from: number;
  until: number;
}

export interface FiringQuestion {
  schedule: Schedule;
  instants: PlannedInstants;
  now: number;
  /** The last absence; null when there was none. Instants within it are missed; all others are only decided late. */
  absence: Absence | null;
  workflowPaused: boolean;
  /** Runs of this schedule that are queued or running. */
  activeRuns: readonly RunId[];
}

export interface FiringPlan {
  /**
   * In planned order; together they stand for every instant from the schedule's `nextAt` up to the new one. Those that are
   * `started` have no run id yet.
   */
  firings: readonly Firing[];
  /** The first instant that is not decided. It may be due as well when there were very many: ask again. */
  nextAt: number | null;
  /** Runs that the started ones take the place of. */
  cancel: readonly RunId[];
}

/** Instants decided one by one in one plan, so that a plan stays small after a long block of the event loop. */
const FIRINGS_AT_ONCE = 100;

/**
 * Decides on every instant of a schedule that is due:
 *
 * - a paused workflow skips them, in one counted record;
 * - of those missed in the absence, catch-up chooses the newest ones that still run; the rest is one counted record. Runs that
 *   catch up do not hinder one another, whatever the overlap;
 * - overlap decides on each of the others, and on those that catch up as far as runs from before are concerned.
 */
export function decideFirings(question: FiringQuestion): FiringPlan {
  const { schedule, instants, now, absence } = question;
  const firings: Firing[] = [];
  let at = isWaiting(schedule) ? schedule.nextAt : null;
  if (at === null || at > now) return { firings, nextAt: schedule.nextAt, cancel: [] };

  if (question.workflowPaused) {
    const { dropped } = newestInstants(instants, at, now, 0);
    const late = isWithin(absence, dropped!.plannedAt);
    firings.push(record(question, "skipped", dropped!.plannedAt, late, "workflow_paused", dropped!.count));
    return { firings, nextAt: instants.next(now), cancel: [] };
  }

  while (at !== null && at <= now && firings.length < FIRINGS_AT_ONCE) {
    if (isWithin(absence, at)) {
      const until = Math.min(absence!.until, now);
      firings.push(...decideMissed(question, at, until, mayStart(question, firings)));
      at = instants.next(until);
    } else {
      if (schedule.overlap === "cancel_previous") supersede(firings);
      firings.push(
        mayStart(question, firings)
          ? record(question, "started", at, false, null)
          : record(question, "skipped", at, false, "overlap"),
      );
      at = instants.next(at);
    }
  }
  const starts = firings.some(({ decision }) => decision === "started");
  return { firings, nextAt: at, cancel: starts && schedule.overlap === "cancel_previous" ? question.activeRuns : [] };
}

/** A schedule that has instants to come: neither paused nor without its package. */
export function isWaiting(schedule: Schedule): boolean {
  return schedule.state === "active" && schedule.present && schedule.nextAt !== null;
}

function decideMissed(question: FiringQuestion, first: number, until: number, mayStart: boolean): Firing[] {
  const { keep, reason } = catchUpOf(question.schedule);
  const { newest, dropped } = newestInstants(question.instants, first, until, keep);
  const firings = dropped ? [record(question, "missed", dropped.plannedAt, true, reason, dropped.count)] : [];
  for (const at of newest) {
    firings.push(
      mayStart ? record(question, "started", at, true, null) : record(question, "skipped", at, true, "overlap"),
    );
  }
  return firings;
}

function catchUpOf({ catchUp }: Schedule): { keep: number; reason: string } {
  switch (catchUp.kind) {
    case "skip":
      return { keep: 0, reason: "catch_up_skip" };
    case "latest":
      return { keep: 1, reason: "catch_up_latest" };
    case "all":
      return { keep: catchUp.max, reason: "catch_up_max" };
    default:
      return assertNever(catchUp.kind);
  }
}

function mayStart({ schedule, activeRuns }: FiringQuestion, firings: readonly Firing[]): boolean {
  switch (schedule.overlap) {
    case "skip":
      return activeRuns.length === 0 && firings.every(({ decision }) => decision !== "started");
    case "queue":
    case "allow":
    case "cancel_previous":
      return true;
    default:
      return assertNever(schedule.overlap);
  }
}

/** A run that would be cancelled in the step that creates it is not created. */
function supersede(firings: Firing[]): void {
  for (const [index, firing] of firings.entries()) {
    if (firing.decision === "started") firings[index] = { ...firing, decision: "skipped", reason: "overlap" };
  }
}

/**
 * The newest `keep` instants from `first` (which is one) up to `until`, oldest first, and what lies before them. Costs a
 * bounded number of counts, not the number of instants: a rule for every second has 31 million in a year.
 */
function newestInstants(
  instants: PlannedInstants,
  first: number,
  until: number,
  keep: number,
): { newest: number[]; dropped: { plannedAt: number; count: number } | null } {
  const total = 1 + instants.count(first, until);
  let at: number | null = first;
  if (total > keep + 1) {
    // The last instant after which there are `keep` more: everything up to it is dropped.
    let before = first;
    let after = until;
    while (after - before > 1) {
      const middle = Math.floor(before + (after - before) / 2);
      if (instants.count(middle, until) > keep) before = middle;
      else after = middle;
    }
    at = instants.next(before);
  }
  const newest: number[] = [];
  for (; at !== null && at <= until; at = instants.next(at)) newest.push(at);
  const droppedAt = newest.length > keep ? newest.shift() : undefined;
  return { newest, dropped: droppedAt === undefined ? null : { plannedAt: droppedAt, count: total - newest.length } };
}

function isWithin(absence: Absence | null, instant: number): boolean {
  return absence !== null && instant >= absence.from && instant <= absence.until;
}

function record(
  { schedule, now }: FiringQuestion,
  decision: Firing["decision"],
  plannedAt: number,
  late: boolean,
  reason: string | null,
  count = 1,
): Firing {
  return { schedule: schedule.id, plannedAt, decidedAt: now, decision, runId: null, late, reason, count };
}
