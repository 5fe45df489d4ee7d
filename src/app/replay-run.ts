import { isJsonPointer } from "../domain/json-difference.ts";
import type { PackageIdentity } from "../domain/manifest.ts";
import { parseRecording, type Recording } from "../domain/recording.ts";
import { judgeReplay, replayResultOf, skippedReplay, type TaskEnd, type TaskReplay } from "../domain/replay.ts";
import type { ReplayOutcome } from "../domain/replay-statement.ts";
import type { Attempt, Run, TaskRun } from "../domain/run.ts";
import { attemptSpec } from "../engine/attempt-spec.ts";
import type { Clock } from "../kernel/clock.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { ArtifactStore } from "../ports/artifact-store.ts";
import type { CodeStore } from "../ports/package-archive.ts";
import type { ReplayHost } from "../ports/replay-host.ts";
import type { ProofStore, RunStore } from "../ports/store.ts";
import { resolveRunId, runUnknown } from "./run-ids.ts";

export interface ReplaySources {
  store: Pick<RunStore, "loadRun" | "runIdsByEnding"> & Pick<ProofStore, "proof">;
  artifacts: Pick<ArtifactStore, "get">;
  code: Pick<CodeStore, "has">;
  clock: Pick<Clock, "now">;
  /** Limit of an attempt whose task has none of its own. */
  taskTimeoutMs: number;
}

export interface ReplayRunRequest {
  run: string;
  /** Null for all. */
  task: string | null;
  /** Other code to execute; null for the run's own. It has a workflow of the same name. */
  against: PackageIdentity | null;
  mask: readonly string[];
}

/**
 * Executes the deciding attempt of each task of an ended run again, from its recording and the run's own inputs, so that a task
 * which differs does not make others differ.
 */
export async function replayRun(
  sources: ReplaySources,
  host: ReplayHost,
  { run: id, task, against, mask }: ReplayRunRequest,
): Promise<ReplayOutcome> {
  const startedAt = sources.clock.now();
  checkMask(mask);
  const { run, proof } = await endedRun(sources.store, id);
  const tasks: TaskReplay[] = [];
  for (const each of tasksOf(run, task))
    tasks.push(await replayTask(sources, host, { run, task: each, against, mask }));
  return {
    run: run.id,
    workflow: run.workflow,
    proof,
    against,
    mask,
    isolation: host.isolation,
    result: replayResultOf(tasks),
    tasks,
    startedAt,
    finishedAt: sources.clock.now(),
  };
}

function checkMask(mask: readonly string[]): void {
  const wrong = mask.find((pointer) => !isJsonPointer(pointer));
  if (wrong === undefined) return;
  throw new CascadeError("USAGE", `${JSON.stringify(wrong)} is not a JSON pointer`, {
    hint: "Write the place in the output as /member/0/member.",
  });
}

async function endedRun(store: ReplaySources["store"], text: string): Promise<{ run: Run; proof: Digest }> {
  const id = await resolveRunId(store, text);
  const [run, stored] = [await store.loadRun(id), await store.proof(id)];
  if (!run) throw runUnknown(text);
  if (!stored) throw new CascadeError("PROOF_UNKNOWN", `run ${id} has not ended`);
  return { run, proof: stored.proof.digest };
}

function tasksOf(run: Run, name: string | null): TaskRun[] {
  if (name === null) return [...run.tasks.values()];
  const task = run.tasks.get(name);
  if (task) return [task];
  throw new CascadeError("TASK_UNKNOWN", `run ${run.id} has no task ${name}`, {
    hint: `\`cascade run show ${run.id}\` lists its tasks.`,
  });
}

interface TaskRequest extends Pick<ReplayRunRequest, "against" | "mask"> {
  run: Run;
  task: TaskRun;
}

async function replayTask(
  { artifacts, code, taskTimeoutMs }: ReplaySources,
  host: ReplayHost,
  { run, task, against, mask }: TaskRequest,
): Promise<TaskReplay> {
  const attempt = task.attempts.at(-1);
  if (!attempt) return skippedReplay(task.name, "not_run");
  const { number, recording: digest } = attempt;
  const skip = (reason: Parameters<typeof skippedReplay>[1]) => skippedReplay(task.name, reason, number, digest);
  if (run.snapshot.tasks.get(task.name)?.effects === "external") return skip("external");
  if (attempt.outcome !== "succeeded" && attempt.outcome !== "failed") return skip("unfinished");
  if (digest === null) return skip("not_recorded");
  const [recording, end] = [await recordingOf(artifacts, digest), await endOf(artifacts, task, attempt)];
  if (!recording || !end) return skip("recording_gone");
  if (!recording.isComplete) return skip("not_recorded");
  const identity = against ?? run.package;
  if (!(await code.has(identity.digest))) return skip("code_gone");
  const spec = { ...attemptSpec(run, task, taskTimeoutMs), package: identity };
  const replayed = await host.replay({ ...spec, readings: { mode: "replay", recording: digest } }, recording);
  const { impure } = recording;
  return judgeReplay({ id: task.name, attempt: number, recording: digest }, { end, impure }, replayed, mask);
}

/** Undefined also for bytes that are not the recording any more. */
async function recordingOf(artifacts: Pick<ArtifactStore, "get">, digest: Digest): Promise<Recording | undefined> {
  const bytes = await artifacts.get(digest);
  return bytes && sha256(bytes) === digest ? parseRecording(bytes.toString("utf8")) : undefined;
}

async function endOf(
  artifacts: Pick<ArtifactStore, "get">,
  { output }: TaskRun,
  { failure }: Attempt,
): Promise<TaskEnd | undefined> {
  if (failure) return { kind: "failure", code: failure.code, message: failure.message };
  if (output?.kind === "inline") return { kind: "output", json: output.json };
  const bytes = output && (await artifacts.get(output.digest));
  return bytes ? { kind: "output", json: bytes.toString("utf8") } : undefined;
}
