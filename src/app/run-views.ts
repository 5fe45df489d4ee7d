import type { Attempt, Failure, Output, Run, RunId, TaskRun } from "../domain/run.ts";
import { isoTime } from "../kernel/clock.ts";
import { type HintDetails, hintOf, isErrorCode } from "../kernel/error-catalogue.ts";
import type { ErrorView } from "../kernel/errors.ts";
import type { Json } from "../kernel/json.ts";
import type { RunSummary } from "../ports/store.ts";
import type { AttemptView, RunSummaryView, RunView, TaskRunView } from "./views.ts";

export function runSummaryView(run: Omit<RunSummary, "snapshotDigest">): RunSummaryView {
  const { head } = run;
  return {
    id: run.id,
    workflow: run.workflow,
    package: run.package.name,
    version: run.package.version,
    digest: run.package.digest,
    state: head.state,
    trigger: { ...run.trigger },
    key: run.key,
    plannedAt: isoTime(run.plannedAt),
    createdAt: isoTime(run.createdAt),
    startedAt: isoOrNull(head.startedAt),
    endedAt: isoOrNull(head.endedAt),
    durationMs: head.startedAt === null || head.endedAt === null ? null : head.endedAt - head.startedAt,
    error: errorOf(head.failure, { run: run.id }),
  };
}

export function runView(run: Run): RunView {
  const { cancel } = run.head;
  return {
    ...runSummaryView(run),
    error: errorOf(run.head.failure, { run: run.id, ...failedTask(run) }),
    params: JSON.parse(run.params) as Json,
    cancel: cancel && { at: isoTime(cancel.at), reason: cancel.reason },
    tasks: [...run.tasks.values()].map((task) =>
      taskRunView(run.id, task, run.snapshot.graph.upstream.get(task.name) ?? []),
    ),
  };
}

function taskRunView(run: RunId, task: TaskRun, after: readonly string[]): TaskRunView {
  return {
    id: task.name,
    state: task.state,
    after,
    attempts: task.attempts.map(attemptView),
    readyAt: isoOrNull(task.readyAt),
    output: outputOf(task.output),
    error: errorOf(task.failure, { run, task: task.name }),
  };
}

function attemptView(attempt: Attempt): AttemptView {
  return {
    number: attempt.number,
    outcome: attempt.outcome,
    startedAt: isoTime(attempt.startedAt),
    endedAt: isoOrNull(attempt.endedAt),
    durationMs: attempt.endedAt === null ? null : attempt.endedAt - attempt.startedAt,
    exitCode: attempt.exitCode,
    recording: attempt.recording,
    error: attempt.failure && { ...attempt.failure },
  };
}

function outputOf(output: Output | null): Json {
  if (output === null) return null;
  switch (output.kind) {
    case "inline":
      return JSON.parse(output.json) as Json;
    case "artifact":
      return { digest: output.digest, size: output.size };
  }
}

/** The hint as the catalogue has it for this run, where it can name it; else the one of the failure. */
function errorOf(failure: Failure | null, about: HintDetails): ErrorView | null {
  if (!failure) return null;
  const { code, message, hint } = failure;
  return { code, message, hint: isErrorCode(code) && hint === hintOf(code) ? hintOf(code, about) : hint };
}

/** Whose failure a run's is: the first task that failed. */
function failedTask(run: Run): HintDetails {
  const failed = [...run.tasks.values()].find(({ state }) => state === "failed");
  return failed ? { task: failed.name } : {};
}

export function isoOrNull(instant: number | null): string | null {
  return instant === null ? null : isoTime(instant);
}
