import type { NewRun } from "./change.ts";
import { impliedTaskRun } from "./implied.ts";
import type { Run, RunId, TaskRun, Trigger } from "./run.ts";
import type { NewStatement } from "./sealed-statement.ts";
import type { Snapshot } from "./snapshot.ts";
import { workflowId } from "./workflow.ts";

export interface RunRequest {
  id: RunId;
  snapshot: Snapshot;
  /** JSON text that satisfies the workflow's schema. */
  params: string;
  trigger: Trigger;
  key: string | null;
  plannedAt: number;
  createdAt: number;
}

/** A run as it is first written: queued, every task run blocked. */
export function newRun(request: RunRequest): NewRun {
  const { id, snapshot, params, trigger, key, plannedAt, createdAt } = request;
  const tasks = new Map<string, TaskRun>();
  for (const task of snapshot.definition.tasks) {
    const pendingUpstream = snapshot.graph.upstream.get(task.name)?.length ?? 0;
    tasks.set(task.name, impliedTaskRun(task.name, { run: { state: "queued" }, pendingUpstream, attempts: [] }));
  }
  const run: Run = {
    id,
    workflow: workflowId(snapshot.package.name, snapshot.definition.name),
    package: snapshot.package,
    snapshot,
    params,
    trigger,
    key,
    plannedAt,
    createdAt,
    startDigest: null,
    version: 1,
    head: {
      state: "queued",
      startedAt: null,
      endedAt: null,
      cancel: null,
      failure: null,
      unfinished: tasks.size,
      failed: 0,
    },
    tasks,
  };
  const history = [{ at: createdAt, name: "run.created", task: null, attempt: null, detail: trigger.kind }];
  return { run, history, start: null };
}

/** The same run with the statement that it was started. */
export function withStart({ run, history }: NewRun, start: NewStatement): NewRun {
  return { run: { ...run, startDigest: start.digest }, history, start };
}
