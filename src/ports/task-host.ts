import type { Digest } from "../kernel/digest.ts";
import type { Failure, AttemptId, Outcome, Output, RunId } from "../domain/run.ts";
import type { PackageIdentity } from "../domain/manifest.ts";
import type { Command, Effects, IsolationKind, WorkflowId } from "../domain/workflow.ts";

/** What becomes of the readings of an attempt: kept as a recording, or served from one. */
export type ReadingsOrder =
  | { mode: "record"; effects: Effects; codeDigest: Digest | null; inputDigest: Digest }
  | { mode: "replay"; recording: Digest };

/** Everything a task host needs to execute one attempt, whichever host it is. */
export interface AttemptSpec {
  attemptId: AttemptId;
  runId: RunId;
  workflow: WorkflowId;
  task: string;
  /** From 1. */
  number: number;
  package: PackageIdentity;
  /** Names of the environment variables that the package declares. */
  env: readonly string[];
  /** Null when the task is a function in the bundle. */
  command: Command | null;
  isolation: IsolationKind;
  /** Null leaves the readings alone. Only for functions. */
  readings: ReadingsOrder | null;
  /** JSON text, as given to the run. */
  params: string;
  /** Outputs of the direct upstream tasks, by name. */
  upstream: Readonly<Record<string, Output>>;
  plannedAt: number;
  /** When the run was created: names the folder of its logs. */
  createdAt: number;
  /** The same in every attempt of the task run. */
  idempotencyKey: string;
  /** Limit from its start; the host aborts it, waits `graceMs`, then kills. */
  timeoutMs: number;
}

/** How an attempt ended in the host. The daemon itself decides on `interrupted`. */
export interface AttemptResult {
  outcome: Exclude<Outcome, "interrupted">;
  /** Of a success, else null. */
  output: Output | null;
  /** Of anything but a success, else null. */
  failure: Failure | null;
  /** Of the process, when its end is what ended the attempt or it is a command. */
  exitCode: number | null;
  /**
   * The artifact with the recording, or of a replay what was noticed; null without one: when none was ordered, when the
   * process did not come to its end by itself, or when it could not be stored.
   */
  readings: Digest | null;
}

/** Exactly one of `ended` and `givenBack` is called, once, after which the host has forgotten the attempt. */
export interface AttemptListener {
  /** The task's code begins now. Not called before `givenBack`. */
  started(): void;
  ended(result: AttemptResult): void;
  /** Guaranteed not to have begun, and never to begin. */
  givenBack(): void;
}

/** Room that needs no new process. */
export interface WarmRoom {
  /** Processes that serve the package and are not ending. */
  processes: number;
  /** Those of them that have nothing to do; `room` counts them as free, since they can be given to another package. */
  idle: number;
  /** Attempts that they would take, one after the other. */
  places: number;
}

export interface TaskHost {
  /**
   * How many more attempts of this package the host would take now. It counts free processes and places for prefetched
   * attempts behind short ones. Zero means: wait for `onRoom`.
   */
  room(digest: Digest, isolation: IsolationKind): number;
  /** What the processes that serve this package already would take now, idle ones included. */
  warmRoom(digest: Digest): WarmRoom;
  /** Called whenever room may have grown. */
  onRoom(callback: () => void): void;
  /** Never throws: whatever goes wrong is a result. */
  execute(spec: AttemptSpec, listener: AttemptListener): void;
  /** Abort signal, grace, kill. An attempt that was not started is given back instead. Unknown ids are ignored. */
  cancel(attemptId: AttemptId): void;
  /** Changes the number of processes; too many busy ones go when their attempt ends. */
  resize(concurrency: number): void;
  /** How many attempts are started and not ended. */
  running(): number;
  /** Gives back what was not started, and starts nothing more. */
  drain(): void;
  /**
   * Aborts what runs, `graceMs` later TERM to every process group, `graceMs` later KILL; at once without any time, also when
   * it was called before with more. Resolves when no process of it is left. No listener is called any more.
   */
  stop(graceMs: number): Promise<void>;
}
