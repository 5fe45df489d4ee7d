import {
  type Attempt,
  type CancelRequest,
  type Failure,
  outcomes,
  type Output,
  type Run,
  type RunHead,
  type RunState,
  runStates,
  type TaskRun,
  taskRunStates,
  type Trigger,
} from "../../domain/run.ts";
import { impliedTaskRun } from "../../domain/implied.ts";
import type { RunSummary } from "../../ports/store.ts";
import { type Snapshot, snapshotOf, type SnapshotContent } from "../../domain/snapshot.ts";
import { DamagedRow, storedObject, storedWord } from "./stored-values.ts";

export interface RunRow {
  id: string;
  workflow: string;
  snapshot: string;
  params: string;
  trigger: string;
  key: string | null;
  planned_at: number;
  created_at: number;
  version: number;
  state: RunState;
  started_at: number | null;
  ended_at: number | null;
  cancel: string | null;
  failure: string | null;
  unfinished: number;
  failed: number;
  start_digest: string | null;
}

export interface TaskRunRow {
  run_id: string;
  name: string;
  state: TaskRun["state"];
  pending_upstream: number;
  counted_attempts: number;
  fence: number;
  ready_at: number | null;
  daemon_deaths: number;
  alone_deaths: number;
  output: string | null;
  output_digest: string | null;
  output_size: number | null;
  failure: string | null;
  ended_at: number | null;
}

export interface AttemptRow {
  run_id: string;
  task: string;
  number: number;
  id: string;
  fence: number;
  alone: 0 | 1;
  started_at: number;
  ended_at: number | null;
  outcome: Attempt["outcome"];
  failure: string | null;
  exit_code: number | null;
  recording: string | null;
}

/** The object of a column that may be empty. */
export function parsed<Value extends object>(text: string | null): Value | null {
  return text === null ? null : storedObject<Value>(text);
}

export function written(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}

export function triggerOf(row: RunRow): Trigger {
  return storedObject<Trigger>(row.trigger);
}

export function headOf(row: RunRow): RunHead {
  return {
    state: storedWord(runStates, row.state),
    startedAt: row.started_at,
    endedAt: row.ended_at,
    cancel: parsed<CancelRequest>(row.cancel),
    failure: parsed<Failure>(row.failure),
    unfinished: row.unfinished,
    failed: row.failed,
  };
}

export function runOf(
  row: RunRow,
  snapshot: Snapshot,
  tasks: readonly TaskRunRow[],
  attempts: readonly AttemptRow[],
): Run {
  const byTask = new Map<string, Attempt[]>();
  for (const attempt of attempts) {
    const known = byTask.get(attempt.task);
    if (known) known.push(attemptOf(attempt));
    else byTask.set(attempt.task, [attemptOf(attempt)]);
  }
  const rows = new Map(tasks.map((task) => [task.name, task]));
  const head = headOf(row);
  const taskOf = (name: string): TaskRun => {
    const known = rows.get(name);
    const its = byTask.get(name) ?? [];
    if (known) return taskRunOf(known, its);
    const upstream = snapshot.graph.upstream.get(name) ?? [];
    const pendingUpstream = upstream.filter((one) => rows.get(one)?.state !== "succeeded").length;
    return impliedTaskRun(name, { run: head, pendingUpstream, attempts: its });
  };
  const { id, workflow, params, key, version } = row;
  return {
    id,
    workflow,
    package: snapshot.package,
    snapshot,
    params,
    trigger: triggerOf(row),
    key,
    plannedAt: row.planned_at,
    createdAt: row.created_at,
    startDigest: row.start_digest,
    version,
    head,
    tasks: new Map(snapshot.definition.tasks.map(({ name }) => [name, taskOf(name)])),
  };
}

export function summaryOf(row: RunRow, content: SnapshotContent): RunSummary {
  return {
    id: row.id,
    workflow: row.workflow,
    package: content.package,
    snapshotDigest: row.snapshot,
    trigger: triggerOf(row),
    key: row.key,
    plannedAt: row.planned_at,
    createdAt: row.created_at,
    startDigest: row.start_digest,
    version: row.version,
    head: headOf(row),
  };
}

function taskRunOf(row: TaskRunRow, attempts: readonly Attempt[]): TaskRun {
  return {
    name: row.name,
    state: storedWord(taskRunStates, row.state),
    pendingUpstream: row.pending_upstream,
    countedAttempts: row.counted_attempts,
    fence: row.fence,
    attempts,
    readyAt: row.ready_at,
    daemonDeaths: row.daemon_deaths,
    aloneDeaths: row.alone_deaths,
    output: outputOf(row),
    failure: parsed<Failure>(row.failure),
    endedAt: row.ended_at,
  };
}

function outputOf(row: TaskRunRow): Output | null {
  if (row.output !== null) return { kind: "inline", json: row.output };
  if (row.output_digest === null) return null;
  return { kind: "artifact", digest: row.output_digest, size: row.output_size ?? 0 };
}

function attemptOf(row: AttemptRow): Attempt {
  return {
    id: row.id,
    number: row.number,
    fence: row.fence,
    alone: row.alone === 1,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    outcome: row.outcome === null ? null : storedWord(outcomes, row.outcome),
    failure: parsed<Failure>(row.failure),
    exitCode: row.exit_code,
    recording: row.recording,
  };
}

/** What is made once per digest and shared by all who ask for it. */
export function createDigestCache<Value>(
  read: (digest: string) => Value | undefined,
): (digest: string) => Value | undefined {
  const cache = new Map<string, Value>();
  return (digest) => {
    const known = cache.get(digest);
    if (known !== undefined) return known;
    const value = read(digest);
    if (value === undefined) return undefined;
    // Old definitions leave with the oldest entry: a daemon lives for months and sees many.
    if (cache.size >= 1_000) cache.delete(cache.keys().next().value!);
    cache.set(digest, value);
    return value;
  };
}

/** The snapshot that a run executes: only what its digest says is run. */
export function checkedSnapshot(digest: string, content: SnapshotContent): Snapshot {
  let snapshot: Snapshot;
  try {
    snapshot = snapshotOf(content);
  } catch (cause) {
    throw new DamagedRow(`the snapshot ${digest} is no definition`, { cause });
  }
  if (snapshot.digest !== digest) throw new DamagedRow(`the snapshot ${digest} is another one, ${snapshot.digest}`);
  return snapshot;
}
