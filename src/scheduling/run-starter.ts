import type { NewRun } from "../domain/change.ts";
import type { RunId, Trigger } from "../domain/run.ts";
import type { ScheduleId, WorkflowId } from "../domain/workflow.ts";
import type { Json } from "../kernel/json.ts";

/** What the scheduler needs of the engine and of the live definitions. */
export interface RunStarter {
  /**
   * A run of the workflow's live definition that nobody has written yet. Rejects when there is none or when it refuses the
   * params; the instant is then skipped. With `SIGNER_FAILED` it is settled later.
   */
  newRun(workflow: WorkflowId, request: { params: Json; trigger: Trigger; plannedAt: number }): Promise<NewRun>;
  /** Takes over runs that are durable now; from then on `activeRuns` names them until they end. */
  started(runs: readonly NewRun[]): void;
  /** Runs of the schedule that are queued or running. */
  activeRuns(schedule: ScheduleId): readonly RunId[];
  isPaused(workflow: WorkflowId): boolean;
  cancel(run: RunId, reason: "overlap"): Promise<unknown>;
}
