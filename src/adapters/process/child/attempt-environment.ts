import type { RunFrame } from "../protocol.ts";

/** Names and values of the process contract that differ from attempt to attempt. */
export function attemptEnvironment(frame: RunFrame, assets: string): Record<string, string> {
  return {
    CASCADE_RUN_ID: frame.runId,
    CASCADE_TASK: frame.task,
    CASCADE_ATTEMPT: String(frame.attempt),
    CASCADE_PLANNED_AT: frame.plannedAt,
    CASCADE_IDEMPOTENCY_KEY: frame.key,
    CASCADE_ASSETS: assets,
  };
}
