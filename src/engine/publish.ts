import type { Events } from "../ports/events.ts";
import type { Committed } from "./run-book.ts";

/** Tells the outside what a durable change has changed: task runs first, then the run. */
export function publishChange(events: Events, { run, change, before }: Committed, at: number): void {
  for (const task of change.tasks) {
    const attempt = task.attempts.at(-1);
    events.publish({
      name: "task.changed",
      runId: run.id,
      workflow: run.workflow,
      task: task.name,
      state: task.state,
      attempt: attempt?.number ?? 0,
      outcome: attempt?.outcome ?? null,
      at,
    });
  }
  if (run.head.state !== before.state) {
    events.publish({ name: "run.changed", runId: run.id, workflow: run.workflow, state: run.head.state, at });
  }
}
