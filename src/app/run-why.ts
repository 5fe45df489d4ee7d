import type { Run, TaskRun } from "../domain/run.ts";
import type { HistoryEntry } from "../domain/run-change.ts";
import { isoTime } from "../kernel/clock.ts";
import { roundedDuration } from "../kernel/duration.ts";
import type { RunWhyView } from "./views.ts";

/** Something that a run waits for, as a person is told it. */
export type WhyHold = RunWhyView["holds"][number];

export function runWhyView(run: Run, holds: readonly WhyHold[], history: readonly HistoryEntry[]): RunWhyView {
  return {
    id: run.id,
    state: run.head.state,
    summary: summaryOf(run, holds),
    holds: holds.map(({ kind, task, message }) => ({ kind, task, message })),
    history: history.map((entry) => ({ ...entry, at: isoTime(entry.at) })),
  };
}

function summaryOf(run: Run, holds: readonly WhyHold[]): string {
  const { head } = run;
  switch (head.state) {
    case "queued":
      return `It waits to begin: ${held(holds) ?? "it is about to"}.`;
    case "running":
      return `It runs: ${progressOf(run, holds)}.`;
    case "succeeded":
      return `It succeeded after ${took(run)}: ${count(run.tasks.size, "task")}.`;
    case "failed": {
      const failed = inState(run, "failed").map(({ name }) => name);
      const culprit = failed.length > 0 ? `${failed.join(", ")} failed` : "it failed";
      return `It failed after ${took(run)}: ${culprit}${head.failure ? ` (${head.failure.code}: ${head.failure.message})` : ""}.`;
    }
    case "cancelled":
      return `It was cancelled after ${took(run)}${cancelReason(run)}.`;
  }
}

function progressOf(run: Run, holds: readonly WhyHold[]): string {
  const parts: string[] = [];
  const running = inState(run, "running");
  if (running.length > 0) parts.push(`${names(running)} ${running.length === 1 ? "is" : "are"} running`);
  for (const task of inState(run, "waiting")) {
    parts.push(`${task.name} waits for its next attempt${task.readyAt === null ? "" : ` at ${isoTime(task.readyAt)}`}`);
  }
  const ready = inState(run, "ready");
  if (ready.length > 0) parts.push(`${names(ready)} may start`);
  const reason = held(holds);
  if (reason) parts.push(reason);
  if (run.head.cancel) parts.push("a cancel was asked for");
  return parts.length > 0 ? parts.join("; ") : "its next change is being written";
}

function held(holds: readonly WhyHold[]): string | undefined {
  return holds.length === 0 ? undefined : holds.map(({ message }) => message).join("; ");
}

function cancelReason(run: Run): string {
  switch (run.head.cancel?.reason) {
    case "user":
      return " on request";
    case "overlap":
      return ", because the next firing of its schedule took its place";
    case "timeout":
      return ", because its time was over";
    case undefined:
      return "";
  }
}

function inState(run: Run, state: TaskRun["state"]): TaskRun[] {
  return [...run.tasks.values()].filter((task) => task.state === state);
}

function names(tasks: readonly TaskRun[]): string {
  return tasks.map(({ name }) => name).join(", ");
}

function took({ head, createdAt }: Run): string {
  return roundedDuration((head.endedAt ?? createdAt) - (head.startedAt ?? createdAt));
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
