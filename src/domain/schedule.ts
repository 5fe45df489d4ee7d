import type { Json } from "../kernel/json.ts";
import type { RunId } from "./run.ts";
import type { CatchUp, Overlap, ScheduleId, WorkflowId } from "./workflow.ts";

export const scheduleStates = ["active", "paused"] as const;
export type ScheduleState = (typeof scheduleStates)[number];

/** A stored time rule. It outlives its package, so that pause and history survive a new drop. */
export interface Schedule {
  id: ScheduleId;
  workflow: WorkflowId;
  name: string;
  cron: string;
  /** An IANA zone, already resolved. */
  timezone: string;
  params: Json;
  catchUp: CatchUp;
  overlap: Overlap;
  state: ScheduleState;
  /** False while no loaded package has it. */
  present: boolean;
  /** The next planned instant; null when the rule has none within its horizon. */
  nextAt: number | null;
}

/**
 * started  a run was created.
 * skipped  no run, for the reason given.
 * missed   no run: the instant passed while the daemon was away and catch-up does not ask for it. One record may stand for many.
 */
export const firingDecisions = ["started", "skipped", "missed"] as const;
export type FiringDecision = (typeof firingDecisions)[number];

/** The recorded decision about one planned instant; unique by schedule and instant. */
export interface Firing {
  schedule: ScheduleId;
  plannedAt: number;
  decidedAt: number;
  decision: FiringDecision;
  runId: RunId | null;
  /** Decided later than it should have been, because the daemon was away. */
  late: boolean;
  /** `overlap`, `workflow_paused`, `run_refused`, `catch_up_skip`, `catch_up_latest`, `catch_up_max`; null when started. */
  reason: string | null;
  /** Planned instants this record stands for: from `plannedAt` back. */
  count: number;
}
