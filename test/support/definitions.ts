import { noRetry, type TaskDefinition, type WorkflowDefinition } from "../../src/domain/workflow.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { type Snapshot, snapshotOf } from "../../src/domain/snapshot.ts";

/** A task with every default, for tests that care about one field. */
export function task(name: string, change: Partial<TaskDefinition> = {}): TaskDefinition {
  return {
    name,
    after: [],
    retry: noRetry,
    timeoutMs: null,
    concurrency: null,
    isolation: "shared",
    onInterrupted: "retry",
    command: null,
    ...change,
  };
}

export function definition(
  tasks: readonly TaskDefinition[],
  change: Partial<WorkflowDefinition> = {},
): WorkflowDefinition {
  return {
    name: "flow",
    description: "",
    params: null,
    timeoutMs: null,
    concurrency: null,
    schedules: [],
    tasks,
    ...change,
  };
}

export function snapshot(tasks: readonly TaskDefinition[], change: Partial<WorkflowDefinition> = {}): Snapshot {
  return snapshotOf({
    package: { name: "pack", version: "1.0.0", digest: "0".repeat(64) },
    env: [],
    definition: definition(tasks, change),
    code: Object.fromEntries(tasks.map(({ name }) => [name, sha256(`the code of ${name}`)])),
  });
}
