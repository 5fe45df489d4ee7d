/** Why a run or a task run may not go on now. Several can hold at once; none is a state. */
export const holdKinds = [
  "workflow_paused",
  "workflow_concurrency",
  "overlap",
  "task_concurrency",
  "daemon_concurrency",
  "running_alone",
  "disk_low",
  "storage_full",
  "storage_busy",
  "draining",
] as const;
export type HoldKind = (typeof holdKinds)[number];

export interface Hold {
  kind: HoldKind;
  /** The run or the task run held; null for the whole run. */
  task: string | null;
  /** A sentence for people: what is waited for. */
  message: string;
}
