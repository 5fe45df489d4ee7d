import type { Digest } from "../kernel/digest.ts";
import type { PackageIdentity } from "./manifest.ts";
import type { Snapshot } from "./snapshot.ts";
import type { ScheduleId, WorkflowId } from "./workflow.ts";

export type RunId = string;
export type AttemptId = string;

/**
 * queued     created and durable; waits to be admitted (limits, overlap, pause). Moved on by `admit` or a cancel.
 * running    its tasks may run. Moved on when the last task run has ended.
 * succeeded, failed, cancelled: ended, never changed again.
 */
export const runStates = ["queued", "running", "succeeded", "failed", "cancelled"] as const;
export type RunState = (typeof runStates)[number];

/**
 * blocked    waits for upstream. Moved on by the success or the failure of an upstream task.
 * ready      may be claimed. Moved on by a claim.
 * running    has an open attempt. Moved on by the attempt's end, or given back to ready.
 * waiting    waits for its retry. Moved on to ready when the instant comes.
 * succeeded, failed, skipped, cancelled: ended, never changed again.
 */
export const taskRunStates = [
  "blocked",
  "ready",
  "running",
  "waiting",
  "succeeded",
  "failed",
  "skipped",
  "cancelled",
] as const;
export type TaskRunState = (typeof taskRunStates)[number];

/** How an attempt ended. `interrupted`: the daemon went away; `crashed`: the process went away by itself. */
export const outcomes = ["succeeded", "failed", "timed_out", "cancelled", "crashed", "interrupted"] as const;
export type Outcome = (typeof outcomes)[number];

export function isRunEnded(state: RunState): boolean {
  return state === "succeeded" || state === "failed" || state === "cancelled";
}

export function isTaskRunEnded(state: TaskRunState): boolean {
  return state === "succeeded" || state === "failed" || state === "skipped" || state === "cancelled";
}

/** Up to this size an output is kept in the database, above it as an artifact. */
export const INLINE_OUTPUT_MAX = 64 * 1024;

/** An output as JSON text in the database, or as an artifact by the digest of its JSON text. */
export type Output = { kind: "inline"; json: string } | { kind: "artifact"; digest: Digest; size: number };

/** Why an attempt, a task run or a run did not succeed. */
export interface Failure {
  code: string;
  message: string;
  hint: string;
  /** The stack of a task's error, at the lines of its author's source. */
  stack?: string;
}

export type Trigger = { kind: "manual" } | { kind: "schedule"; schedule: ScheduleId; late: boolean };

/** One try of a task run. Numbers count from 1 within the task run. */
export interface Attempt {
  readonly id: AttemptId;
  readonly number: number;
  /** Grows with each claim of the task run; an answer that bears an older one is void. */
  readonly fence: number;
  /** No other attempt ran beside it, because it is suspected of killing the daemon. */
  readonly alone: boolean;
  /** When it was claimed; its time limit counts from when the host says that it started. */
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** Null while open. */
  readonly outcome: Outcome | null;
  readonly failure: Failure | null;
  readonly exitCode: number | null;
  /** The artifact that holds what it read, in a recorded workflow; kept as long as the run. */
  readonly recording: Digest | null;
}

/** One task in one run. Never changed: `apply` puts a new one in its place. */
export interface TaskRun {
  readonly name: string;
  readonly state: TaskRunState;
  /** Upstream tasks that have not succeeded yet. */
  readonly pendingUpstream: number;
  /** Attempts that count against the retry policy. */
  readonly countedAttempts: number;
  readonly fence: number;
  /** In order; the last one is open while the task run is running. */
  readonly attempts: readonly Attempt[];
  /** While waiting: when it becomes ready, by the clock as it was when that was decided. */
  readonly readyAt: number | null;
  /** Attempts that an unclean end of the daemon cut off. */
  readonly daemonDeaths: number;
  /** Those of them that ran alone. */
  readonly aloneDeaths: number;
  readonly output: Output | null;
  readonly failure: Failure | null;
  readonly endedAt: number | null;
}

export interface CancelRequest {
  at: number;
  /** `user`, `overlap`, or `timeout` when the run's own time is over. */
  reason: "user" | "overlap" | "timeout";
}

/** What a change replaces as a whole. */
export interface RunHead {
  readonly state: RunState;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly cancel: CancelRequest | null;
  readonly failure: Failure | null;
  /** Task runs that have not ended. */
  readonly unfinished: number;
  /** Task runs that ended `failed`. */
  readonly failed: number;
}

/** A run in memory. Only `apply` changes one. */
export interface Run {
  readonly id: RunId;
  readonly workflow: WorkflowId;
  readonly package: PackageIdentity;
  readonly snapshot: Snapshot;
  /** JSON text as it was given; the author's schema is applied in the task host. */
  readonly params: string;
  readonly trigger: Trigger;
  readonly key: string | null;
  readonly plannedAt: number;
  readonly createdAt: number;
  /** SHA-256 of the statement that it was started, which is in the log; null where the workflow does not log that. */
  readonly startDigest: Digest | null;
  /** Grows by one with each change; a change made for another version is refused by the store. */
  version: number;
  head: RunHead;
  /** By name, in the definition's order. */
  readonly tasks: Map<string, TaskRun>;
}
