import type { Outcome, Output } from "../../domain/run.ts";
import { type ErrorCode, hintOf } from "../../kernel/error-catalogue.ts";
import { formatDuration } from "../../kernel/duration.ts";
import type { AttemptResult } from "../../ports/task-host.ts";
import type { AbortReason } from "./protocol.ts";

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

export function aborted(reason: AbortReason, timeoutMs: number, exitCode: number | null): AttemptResult {
  switch (reason) {
    case "timeout":
      return unsuccessful("timed_out", "TASK_TIMED_OUT", `it ran longer than ${formatDuration(timeoutMs)}`, {
        exitCode,
      });
    case "cancel":
      return unsuccessful("cancelled", "TASK_CANCELLED", "it was cancelled", { exitCode });
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
