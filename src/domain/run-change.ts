import type { Digest } from "../kernel/digest.ts";
import type { WorkflowId } from "./workflow.ts";
import type { Attempt, AttemptId, CancelRequest, Failure, Outcome, Output, RunHead, RunId, TaskRun } from "./run.ts";

/** What can happen to a run. Everything that `advance` needs beside the run and the time is in the event. */
export type RunEvent =
  /** Limits, overlap and pause allow the run to begin. */
  | { type: "admit" }
  | { type: "claim"; task: string; attemptId: AttemptId; alone: boolean }
  /** The host never started the attempt: as if it had not been claimed. */
  | { type: "give_back"; task: string; fence: number }
  | {
      type: "settle";
      task: string;
      fence: number;
      outcome: Exclude<Outcome, "interrupted">;
      /** Of a success. */
      output: Output | null;
      /** Of anything else. */
      failure: Failure | null;
      exitCode: number | null;
      recording: Digest | null;
      /** 0 to below 1: the randomness of the retry's delay. */
      jitter: number;
    }
  /** The daemon went away, or goes, while the attempt was open. */
  | { type: "interrupt"; task: string; fence: number; unclean: boolean }
  /** The delay is over that the task run has waited for since it was given `readyAt`. */
  | { type: "retry_due"; task: string; readyAt: number }
  | { type: "cancel"; reason: CancelRequest["reason"] };

/** One line of a run's history, kept as long as the run. */
export interface HistoryEntry {
  at: number;
  /** `run.created`, `task.ready`, `attempt.ended` and so on; listed in docs/lifecycle.md. */
  name: string;
  task: string | null;
  attempt: number | null;
  /** A state, an outcome, or a reason. */
  detail: string | null;
}

/** The next version of a run as plain data. The store writes it whole or refuses it. */
export interface RunChange {
  runId: RunId;
  workflow: WorkflowId;
  /** The version it was made for; the next one is one more. */
  fromVersion: number;
  head: RunHead;
  /** New values of the task runs that differ. */
  tasks: readonly TaskRun[];
  /** Attempts opened or ended, in order. */
  attempts: readonly { task: string; attempt: Attempt }[];
  /** Attempts that were never started. */
  givenBack: readonly AttemptId[];
  history: readonly HistoryEntry[];
  /** The run has ended with this change: its proof is due. */
  ended: boolean;
}
