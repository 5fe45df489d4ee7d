import type { Outcome, Output } from "../../domain/run.ts";
import { type ErrorCode, hintOf } from "../../kernel/error-catalogue.ts";
import { formatDuration } from "../../kernel/duration.ts";
import type { AttemptResult } from "../../ports/task-host.ts";
import type { AbortReason } from "./protocol.ts";
import type { Stopping } from "./stopping.ts";

/** The part of a result that says that it did not succeed. */
export function unsuccessful(
  outcome: Exclude<Outcome, "interrupted" | "succeeded">,
  code: ErrorCode,
  message: string,
  more: { stack?: string; exitCode?: number | null } = {},
): AttemptResult {
  const failure = { code, message, hint: hintOf(code) };
  return {
    outcome,
    output: null,
    failure: more.stack ? { ...failure, stack: more.stack } : failure,
    exitCode: more.exitCode ?? null,
    readings: null,
  };
}

export function success(output: Output, exitCode: number | null = null): AttemptResult {
  return { outcome: "succeeded", output, failure: null, exitCode, readings: null };
}

/** The end of an attempt that was stopped: the message says why, what was done, and when each. */
export function aborted(stopping: Stopping, timeoutMs: number, exitCode: number | null): AttemptResult {
  const message = `${whyStopped(stopping.reason, timeoutMs)}: ${stopping.told()}`;
  switch (stopping.reason) {
    case "timeout":
      return unsuccessful("timed_out", "TASK_TIMED_OUT", message, { exitCode });
    case "cancel":
      return unsuccessful("cancelled", "TASK_CANCELLED", message, { exitCode });
    case "stop":
      return unsuccessful("cancelled", "TASK_INTERRUPTED", message, { exitCode });
  }
}

export function whyStopped(reason: AbortReason, timeoutMs: number): string {
  switch (reason) {
    case "timeout":
      return `it ran longer than ${formatDuration(timeoutMs)}`;
    case "cancel":
      return "it was cancelled";
    case "stop":
      return "the daemon stopped";
  }
}

/** How a process ended. */
export interface ProcessEnd {
  exitCode: number | null;
  signal: string | null;
  /** Set when it could not be started. */
  error: Error | null;
}

export function crashed(end: ProcessEnd): AttemptResult {
  if (end.error)
    return unsuccessful("crashed", "HOST_START_FAILED", `the process could not start: ${end.error.message}`);
  if (end.signal) return unsuccessful("crashed", "TASK_KILLED", `the process was killed by ${end.signal}`);
  return unsuccessful("crashed", "TASK_EXITED", `the process exited with code ${end.exitCode}`, {
    exitCode: end.exitCode,
  });
}
