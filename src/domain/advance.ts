import { type ErrorCode, hintOf } from "../kernel/error-catalogue.ts";
import { Draft } from "./draft.ts";
import { descendants } from "./graph.ts";
import { mayRetry, retryDelay } from "./retry.ts";
import { type Failure, isRunEnded, isTaskRunEnded, type Run, type RunState, type TaskRun } from "./run.ts";
import type { RunChange, RunEvent } from "./run-change.ts";

type EventOf<Type extends RunEvent["type"]> = Extract<RunEvent, { type: Type }>;

/** A task run that killed the daemon so often while it ran alone becomes a dead letter. */
const ALONE_DEATHS_MAX = 2;

/**
 * What makes a run go on, one rule a name. Rules read and write the draft only. They are kept in one table so that a test
 * can take any one away and see a promise break.
 */
export const rules = {
  /** An event that comes too late or twice changes nothing: at most one success, and only for the newest claim. */
  isVoid(draft: Draft, event: RunEvent): boolean {
    if (isRunEnded(draft.head.state)) return true;
    switch (event.type) {
      case "admit":
        return draft.head.state !== "queued";
      case "claim":
        return draft.task(event.task).state !== "ready";
      case "give_back":
      case "settle":
      case "interrupt": {
        const task = draft.task(event.task);
        return task.state !== "running" || task.fence !== event.fence;
      }
      case "retry_due": {
        const task = draft.task(event.task);
        return task.state !== "waiting" || task.readyAt !== event.readyAt;
      }
      case "cancel":
        return draft.head.cancel !== null;
    }
  },

  admit(draft: Draft): void {
    draft.head = { ...draft.head, state: "running", startedAt: draft.now };
    draft.note("run.started");
    for (const task of draft.unfinishedTasks()) if (task.pendingUpstream === 0) draft.put(task, { state: "ready" });
  },

  claim(draft: Draft, event: EventOf<"claim">): void {
    const task = draft.task(event.task);
    draft.openAttempt(task, {
      id: event.attemptId,
      number: (task.attempts.at(-1)?.number ?? 0) + 1,
      fence: task.fence + 1,
      alone: event.alone,
      startedAt: draft.now,
      endedAt: null,
      outcome: null,
      failure: null,
      exitCode: null,
      recording: null,
    });
  },

  giveBack(draft: Draft, event: EventOf<"give_back">): void {
    const task = draft.task(event.task);
    draft.removeAttempt(task);
    if (draft.head.cancel) draft.end(draft.task(event.task), "cancelled");
  },

  settle(draft: Draft, event: EventOf<"settle">): void {
    const { outcome, failure, exitCode, recording } = event;
    const closed = draft.closeAttempt(draft.task(event.task), { outcome, failure, exitCode, recording });
    const task = draft.put(closed, {
      countedAttempts: closed.countedAttempts + 1,
      daemonDeaths: 0,
      aloneDeaths: 0,
    });
    if (outcome === "succeeded") draft.end(task, "succeeded", { output: event.output, failure: null });
    else if (draft.head.cancel && outcome === "cancelled") draft.end(task, "cancelled", { failure });
    else if (!rules.retry(draft, task, event)) draft.fail(task, failure);
  },

  /** A failed attempt is followed by another one while the policy grants it; false when it does not. */
  retry(draft: Draft, task: TaskRun, event: EventOf<"settle">): boolean {
    const policy = draft.run.snapshot.tasks.get(task.name)?.retry;
    if (!policy || draft.head.cancel || !mayRetry(policy, task.countedAttempts)) return false;
    const readyAt = draft.now + retryDelay(policy, task.countedAttempts, event.jitter);
    draft.note("task.waiting", task, new Date(readyAt).toISOString());
    draft.put(task, { state: "waiting", readyAt, failure: event.failure });
    return true;
  },

  /** What the daemon's end cut off runs again without counting, unless its author or its past speaks against it. */
  interrupt(draft: Draft, event: EventOf<"interrupt">): void {
    const failure = failureOf("TASK_INTERRUPTED", "the daemon ended while the task ran");
    const end = { outcome: "interrupted", failure, exitCode: null, recording: null } as const;
    const closed = draft.closeAttempt(draft.task(event.task), end);
    const alone = closed.attempts.at(-1)?.alone === true;
    const task = draft.put(closed, {
      daemonDeaths: closed.daemonDeaths + (event.unclean ? 1 : 0),
      aloneDeaths: closed.aloneDeaths + (event.unclean && alone ? 1 : 0),
    });
    draft.note("attempt.interrupted", task, event.unclean ? "unclean" : "clean");
    if (draft.head.cancel) draft.end(task, "cancelled", { failure });
    else if (task.aloneDeaths >= ALONE_DEATHS_MAX) {
      draft.fail(task, failureOf("TASK_KILLS_DAEMON", "the daemon died each time this task ran alone"));
    } else if (draft.run.snapshot.tasks.get(task.name)?.onInterrupted === "fail") draft.fail(task, failure);
    else draft.put(task, { state: "ready" });
  },

  retryDue(draft: Draft, event: EventOf<"retry_due">): void {
    draft.put(draft.task(event.task), { state: "ready", readyAt: null });
  },

  /** Whatever is not running ends at once; what runs is told by the engine and ends by its own settle. */
  cancel(draft: Draft, event: EventOf<"cancel">): void {
    const failure = event.reason === "timeout" ? failureOf("RUN_TIMED_OUT", "the run's time was over") : null;
    draft.head = { ...draft.head, cancel: { at: draft.now, reason: event.reason }, failure };
    draft.note("run.cancel_requested", null, event.reason);
    for (const task of draft.unfinishedTasks()) if (task.state !== "running") draft.end(task, "cancelled");
  },

  /** A success makes each downstream task ready whose upstream have all succeeded. */
  release(draft: Draft, ended: TaskRun): void {
    if (ended.state !== "succeeded") return;
    for (const name of draft.run.snapshot.graph.downstream.get(ended.name) ?? []) {
      const task = draft.task(name);
      if (task.state !== "blocked") continue;
      const pendingUpstream = task.pendingUpstream - 1;
      draft.put(task, { pendingUpstream, ...(pendingUpstream === 0 ? { state: "ready" as const } : {}) });
    }
  },

  /** A failure skips everything that could only have run after it. */
  skip(draft: Draft, ended: TaskRun): void {
    if (ended.state !== "failed") return;
    for (const name of descendants(draft.run.snapshot.graph, ended.name)) {
      const task = draft.task(name);
      if (isTaskRunEnded(task.state)) continue;
      draft.end(task, "skipped");
      draft.note("task.skipped", task, ended.name);
    }
  },

  endRun(draft: Draft): void {
    if (draft.head.unfinished > 0) return;
    const state = endOf(draft);
    const failure = state === "failed" ? (draft.head.failure ?? firstFailure(draft)) : null;
    draft.head = { ...draft.head, state, endedAt: draft.now, failure };
    draft.note("run.ended", null, state);
  },
};

export type Rules = typeof rules;

/**
 * The one decision about a run: what it becomes when these events happen now, in this order. Reads the run, changes nothing;
 * undefined when nothing comes of it. Costs as much as the task runs it touches.
 */
export function advance(run: Run, events: readonly RunEvent[], now: number): RunChange | undefined {
  const draft = new Draft(run, now);
  for (const event of events) {
    if (rules.isVoid(draft, event)) continue;
    happen(draft, event);
    // A skipped task run ends too; the list grows while it is worked off.
    for (const ended of draft.justEnded) {
      rules.release(draft, ended);
      rules.skip(draft, ended);
    }
    draft.justEnded = [];
    rules.endRun(draft);
  }
  return draft.change();
}

/** Folds a change into the run it was made for. The only place where a run changes. */
export function apply(run: Run, change: RunChange): void {
  if (change.runId !== run.id || change.fromVersion !== run.version) {
    throw new Error(`a change of version ${change.fromVersion} does not fit run ${run.id} of version ${run.version}`);
  }
  run.version++;
  run.head = change.head;
  for (const task of change.tasks) run.tasks.set(task.name, task);
}

function happen(draft: Draft, event: RunEvent): void {
  switch (event.type) {
    case "admit":
      return rules.admit(draft);
    case "claim":
      return rules.claim(draft, event);
    case "give_back":
      return rules.giveBack(draft, event);
    case "settle":
      return rules.settle(draft, event);
    case "interrupt":
      return rules.interrupt(draft, event);
    case "retry_due":
      return rules.retryDue(draft, event);
    case "cancel":
      return rules.cancel(draft, event);
  }
}

/** A cancel that came too late to stop anything did not cancel: then all task runs succeeded. */
function endOf(draft: Draft): RunState {
  const { cancel, failed } = draft.head;
  if (failed > 0) return cancel && cancel.reason !== "timeout" ? "cancelled" : "failed";
  if (!cancel || [...draft.run.tasks.keys()].every((name) => draft.task(name).state === "succeeded"))
    return "succeeded";
  return cancel.reason === "timeout" ? "failed" : "cancelled";
}

function firstFailure(draft: Draft): Failure | null {
  for (const name of draft.run.tasks.keys()) {
    const { state: taskState, failure } = draft.task(name);
    if (taskState === "failed" && failure) return { ...failure, message: `task ${name}: ${failure.message}` };
  }
  return null;
}

function failureOf(code: ErrorCode, message: string): Failure {
  return { code, message, hint: hintOf(code) };
}
