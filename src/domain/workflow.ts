import type { Json, JsonObject } from "../kernel/json.ts";

/** Names of packages, workflows, tasks and schedules written by people. */
export const NAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = JsonObject | boolean;

export const backoffKinds = ["fixed", "exponential"] as const;
export type BackoffKind = (typeof backoffKinds)[number];

export interface RetryPolicy {
  /** Attempts in all, the first one included; at least 1. */
  attempts: number;
  backoff: BackoffKind;
  /** Wait before the second attempt; doubled for each further one if exponential. */
  delayMs: number;
  /** No wait is longer, jitter included. */
  maxDelayMs: number;
  /** 0 to 1: the share of the wait that is random, so that failures of one cause do not come back together. */
  jitter: number;
}

export const retryDefaults = { backoff: "exponential", delayMs: 1_000, maxDelayMs: 300_000, jitter: 0.2 } as const;
export const noRetry: RetryPolicy = { attempts: 1, ...retryDefaults };

/** `fresh` gives each attempt a process of its own; `shared` lets attempts of one package follow one another in one. */
export const isolationKinds = ["shared", "fresh"] as const;
export type IsolationKind = (typeof isolationKinds)[number];

/** What becomes of an attempt that the daemon's end cut off. */
export const onInterruptedKinds = ["retry", "fail"] as const;
export type OnInterrupted = (typeof onInterruptedKinds)[number];

/**
 * How a task meets the world outside of its input, in a workflow that is recorded.
 * pure      it reads nothing else: a replay must give the same without any recording.
 * recorded  what it reads is recorded, and a replay is given it again.
 * external  it changes something outside: a replay never runs it.
 */
export const effectsKinds = ["pure", "recorded", "external"] as const;
export type Effects = (typeof effectsKinds)[number];

/** A shell command of a YAML workflow. */
export interface Command {
  /** Given to `/bin/sh -e`. */
  run: string;
  env: Readonly<Record<string, string>>;
}

export interface TaskDefinition {
  name: string;
  after: readonly string[];
  retry: RetryPolicy;
  /** Limit of one attempt; null takes the daemon's `[task] timeout`. */
  timeoutMs: number | null;
  /** Attempts of this task at once, over all runs; null is no limit of its own. */
  concurrency: number | null;
  isolation: IsolationKind;
  onInterrupted: OnInterrupted;
  /** Only in a recorded workflow; absent means `recorded`. */
  effects?: Effects;
  /** Null when the task is a function in the bundle. */
  command: Command | null;
}

export const catchUpKinds = ["skip", "latest", "all"] as const;
export interface CatchUp {
  kind: (typeof catchUpKinds)[number];
  /** For `all`: how many of the missed firings run, the newest ones; the rest is one counted record. */
  max: number;
}

export const overlapKinds = ["skip", "queue", "allow", "cancel_previous"] as const;
export type Overlap = (typeof overlapKinds)[number];

export interface ScheduleDefinition {
  /** Unique within the workflow; by default made of the expression and the zone. */
  name: string;
  /** Normalised: single spaces, no surrounding ones. */
  cron: string;
  /** An IANA zone; null is the daemon's `timezone`. */
  timezone: string | null;
  params: Json;
  catchUp: CatchUp;
  overlap: Overlap;
}

export interface WorkflowDefinition {
  name: string;
  description: string;
  /** Null takes any params. */
  params: JsonSchema | null;
  /** Limit of a whole run; null is none. */
  timeoutMs: number | null;
  /** Runs at once; null is no limit. */
  concurrency: number | null;
  /**
   * Its attempts leave recordings that a replay serves. Absent, here, in `logStart` and in `effects`, where the author wrote
   * nothing: the definitions of before keep their digests.
   */
  record?: true;
  /** That a run was started is a statement in the log, stored with the run. */
  logStart?: true;
  schedules: readonly ScheduleDefinition[];
  /** In the order they were written, which is also the order of equal choices. */
  tasks: readonly TaskDefinition[];
}

/** The full identity of a workflow, `package/workflow`. */
export type WorkflowId = string;
export function workflowId(packageName: string, workflowName: string): WorkflowId {
  return `${packageName}/${workflowName}`;
}

/** The full identity of a schedule, `package/workflow/name`. */
export type ScheduleId = string;
export function scheduleId(workflow: WorkflowId, scheduleName: string): ScheduleId {
  return `${workflow}/${scheduleName}`;
}
