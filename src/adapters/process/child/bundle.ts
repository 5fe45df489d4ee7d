import { pathToFileURL } from "node:url";
import { exportedWorkflows, WORKFLOW } from "../../../domain/exported-workflows.ts";

export interface BundledTask {
  run: (context: unknown) => unknown;
  /** The author's schema, if there is one. */
  params: ParamsSchema | undefined;
}

/** The part of Standard Schema that parses. */
export interface ParamsSchema {
  readonly "~standard": {
    validate(value: unknown): SchemaReading | Promise<SchemaReading>;
  };
}

export type SchemaReading =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] }[] };

interface BundledWorkflow {
  name: string;
  options?: { params?: ParamsSchema };
  tasks: readonly { name: string; run: (context: unknown) => unknown }[];
}

/** `workflow/task` → the task. Rejects with whatever the author's module throws when it is imported. */
export async function importTasks(bundlePath: string): Promise<ReadonlyMap<string, BundledTask>> {
  const exports = (await import(pathToFileURL(bundlePath).href)) as Record<string, unknown>;
  const tasks = new Map<string, BundledTask>();
  for (const exported of exportedWorkflows(exports)) {
    const workflow = exported[WORKFLOW] as BundledWorkflow;
    for (const task of workflow.tasks) {
      tasks.set(`${workflow.name}/${task.name}`, { run: task.run, params: workflow.options?.params });
    }
  }
  return tasks;
}
