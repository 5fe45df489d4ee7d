import { invariant } from "../kernel/assert.ts";
import type { Output, Run, TaskRun } from "../domain/run.ts";
import { taskInputDigest } from "../domain/statement.ts";
import type { TaskDefinition } from "../domain/workflow.ts";
import type { AttemptSpec, ReadingsOrder } from "../ports/task-host.ts";

/** What the task host is given for the open attempt of a running task run. */
export function attemptSpec(run: Run, task: TaskRun, defaultTimeoutMs: number): AttemptSpec {
  const definition = run.snapshot.tasks.get(task.name);
  const attempt = task.attempts.at(-1);
  invariant(definition && attempt, `the running task ${task.name} has a definition and an attempt`);
  const upstream: Record<string, Output> = {};
  for (const name of definition.after) {
    const output = run.tasks.get(name)?.output;
    if (output) upstream[name] = output;
  }
  return {
    attemptId: attempt.id,
    runId: run.id,
    workflow: run.workflow,
    task: task.name,
    number: attempt.number,
    package: run.package,
    env: run.snapshot.env,
    command: definition.command,
    isolation: definition.isolation,
    readings: readingsOrder(run, definition),
    params: run.params,
    upstream,
    plannedAt: run.plannedAt,
    createdAt: run.createdAt,
    idempotencyKey: `${run.id}/${task.name}`,
    timeoutMs: definition.timeoutMs ?? defaultTimeoutMs,
  };
}

function readingsOrder(run: Run, { name, effects, command }: TaskDefinition): ReadingsOrder | null {
  if (run.snapshot.definition.record !== true || command !== null) return null;
  const codeDigest = run.snapshot.code[name] ?? null;
  return { mode: "record", effects: effects ?? "recorded", codeDigest, inputDigest: taskInputDigest(run, name) };
}
