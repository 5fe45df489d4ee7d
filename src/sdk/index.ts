/** What authors of workflows import: types, and functions that write down data. All behaviour comes from the host. */
export { cron, type CronOptions, type CronRule, type JsonValue } from "./cron.ts";
export type { ExecOptions, ExecResult, TaskContext, TaskLog } from "./context.ts";
export type { StandardSchema } from "./standard-schema.ts";
export {
  workflow,
  type AuthoredTask,
  type AuthoredWorkflow,
  type Duration,
  type RetryOptions,
  type TaskOptions,
  type Workflow,
  type WorkflowOptions,
} from "./workflow.ts";
