import type { Attempt, Run, RunHead, TaskRun, TaskRunState } from "./run.ts";
import type { HistoryEntry } from "./run-change.ts";

/**
 * What a store need not write, because other rows tell it: most task runs of a run have done nothing yet or are at their
 * first attempt, and most histories say only when the run was created, began and ended. Writing these would double the
 * rows of a task.
 */

/** True for a task run that is blocked, ready, or at its first attempt, and remembers nothing else. */
export function isImplied(task: TaskRun): boolean {
  if (task.countedAttempts > 0 || task.daemonDeaths > 0 || task.aloneDeaths > 0) return false;
  switch (task.state) {
    case "blocked":
    case "ready":
      return task.fence === 0;
    case "running":
      return task.fence === 1 && task.attempts.length === 1;
    default:
      return false;
  }
}

/** What is known about the neighbourhood of a task run that was not written. */
export interface Surroundings {
  run: Pick<RunHead, "state">;
  /** Its upstream tasks that have not succeeded. */
  pendingUpstream: number;
  /** None, or the open one. */
  attempts: readonly Attempt[];
}

/** The task run for which `isImplied` was true. */
export function impliedTaskRun(name: string, { run, pendingUpstream, attempts }: Surroundings): TaskRun {
  return {
    name,
    state: impliedState(run, pendingUpstream, attempts),
    pendingUpstream,
    countedAttempts: 0,
    fence: attempts.length,
    attempts,
    readyAt: null,
    daemonDeaths: 0,
    aloneDeaths: 0,
    output: null,
    failure: null,
    endedAt: null,
  };
}

function impliedState(
  run: Surroundings["run"],
  pendingUpstream: number,
  attempts: readonly Attempt[],
): Extract<TaskRunState, "blocked" | "ready" | "running"> {
  if (attempts.length > 0) return "running";
  return run.state === "queued" || pendingUpstream > 0 ? "blocked" : "ready";
}

const IMPLIED_ENTRIES = ["run.created", "run.started", "run.ended"] as const;

/** True for a line of history that `wholeHistory` adds again. */
export function isImpliedEntry({ name }: HistoryEntry): boolean {
  return (IMPLIED_ENTRIES as readonly string[]).includes(name);
}

/** A run's history of which the implied lines may not have been written. */
export function wholeHistory(
  { createdAt, trigger, head }: Pick<Run, "createdAt" | "trigger" | "head">,
  written: readonly HistoryEntry[],
): HistoryEntry[] {
  const entry = (name: (typeof IMPLIED_ENTRIES)[number], at: number | null, detail: string | null): HistoryEntry[] =>
    at === null || written.some((known) => known.name === name)
      ? []
      : [{ at, name, task: null, attempt: null, detail }];
  return [
    ...entry("run.created", createdAt, trigger.kind),
    ...entry("run.started", head.startedAt, null),
    ...written,
    ...entry("run.ended", head.endedAt, head.state),
  ];
}
