import type { NewRun, Verdict } from "../domain/change.ts";
import type { Hold } from "../domain/hold.ts";
import type { CancelRequest, Run, RunId, Trigger } from "../domain/run.ts";
import type { Snapshot } from "../domain/snapshot.ts";
import type { ScheduleId, WorkflowId } from "../domain/workflow.ts";
import type { ClockStep } from "../kernel/clock.ts";
import type { CascadeError } from "../kernel/errors.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { Life } from "../ports/store.ts";

export interface StartRun {
  snapshot: Snapshot;
  /** JSON text that satisfies the workflow's schema. */
  params: string;
  trigger: Trigger;
  key: string | null;
  /** By hand: the moment of the request. */
  plannedAt: number;
}

/** Runs on their way to an end. Everything it does is decided by `advance` and durable before it has an effect. */
export interface Engine extends ChangeWriter {
  /** Settles what a former life left running, then begins to admit and to dispatch. */
  start(formerLives: readonly Life[]): Promise<void>;

  /** Creates runs, all or none. The verdict is `exists` when a key is taken. Rejects with `DAEMON_DRAINING` or `DISK_LOW`. */
  startRuns(requests: readonly StartRun[]): Promise<{ verdict: Verdict; runs: readonly Run[] }>;
  /**
   * A run that a caller writes in a change of its own; `started` hands it over when that change is durable. Rejects only when the
   * signer does, of a run whose start is logged.
   */
  newRun(request: StartRun): Promise<NewRun>;
  started(runs: readonly NewRun[]): void;

  /** Resolves when the request is durable; the run ends when its running attempts have. False when it has ended already. */
  cancel(run: RunId, reason: CancelRequest["reason"]): Promise<boolean>;
  /** Unfinished runs of a schedule, oldest first. */
  activeRuns(schedule: ScheduleId): readonly RunId[];
  /** Runs of a paused workflow stay queued. */
  setPaused(workflow: WorkflowId, paused: boolean): void;
  isPaused(workflow: WorkflowId): boolean;
  /** The wall clock was set. Written down, so that what is waited for over a restart is not taken for over or far away. */
  clockStepped(step: ClockStep): Promise<void>;
  /** What there is too little of on the disk: no new run starts, those that are queued stay so. Null when there is enough. */
  setDiskLow(lack: string | null): void;
  /** Why storage takes no writes: nothing goes on until it does again, which is noticed without being told. Null while it does. */
  storageRefuses(): CascadeError | null;
  /** Why the run does not go on; empty when it does or has ended. */
  holds(run: RunId): readonly Hold[];
  counts(): { queued: number; running: number; waiting: number };

  /** No new attempts; what is not started is given back. Resolves when none is running or `timeoutMs` have passed. */
  drain(timeoutMs: number): Promise<void>;
  /**
   * Ends the attempts that are left: aborts them, then TERM, then KILL, or KILL `at_once`, also when it was called before. They
   * are `interrupted`. Changes of others are still taken.
   */
  endAttempts(how: "in_steps" | "at_once"): Promise<void>;
  /** Ends the attempts that are left, and refuses changes from then on. Nothing of the engine runs afterwards. */
  stop(): Promise<void>;

  /** Resolves when the engine's loop has made a turn and is not stuck in its storage. */
  beat(): Promise<boolean>;
}
