import { noteAuthored } from "./authoring.ts";
import type { TaskContext } from "./context.ts";
import type { CronRule } from "./cron.ts";
import type { HasJsonForm, JsonForm } from "./json-form.ts";
import type { SchemaOutput, StandardSchema } from "./standard-schema.ts";

/** Bears the definition of a workflow. Task hosts and `cascade pack` find workflows among a module's exports by it. */
const WORKFLOW = Symbol.for("cascade.workflow.v1");

/** A span such as `"30s"`, `"5m"` or `"1h30m"`. */
export type Duration = string;

export interface WorkflowOptions {
  /** Describes the params: zod 4, or any schema with Standard JSON Schema. Without one, any params are taken as they are. */
  readonly params?: StandardSchema;
  /** When runs start by themselves. */
  readonly on?: CronRule | readonly CronRule[];
  /** Limit of a whole run. Default: none. */
  readonly timeout?: Duration;
  /** Runs at once; others wait. Default: no limit. */
  readonly concurrency?: number;
  /**
   * Keeps what each attempt read beside its input, clocks, randomness, `ctx.fetch`, `ctx.exec` and `ctx.readFile`, so that
   * `cascade replay` can execute the run again. Recordings are as private as outputs. Default: nothing is kept.
   */
  readonly record?: boolean;
  /**
   * Strict mode: that a run was started is signed and put into the transparency log before its first task begins, so that a
   * run which nobody ended, or whose end was hidden, is missed. Default: only ends are logged.
   */
  readonly logStart?: boolean;
  readonly description?: string;
}

export interface RetryOptions {
  /** Attempts in all, the first one included. */
  readonly attempts: number;
  /** Whether the wait doubles with each attempt. Default `exponential`. */
  readonly backoff?: "fixed" | "exponential";
  /** Wait before the second attempt. Default `1s`. */
  readonly delay?: Duration;
  /** No wait is longer. Default `5m`. */
  readonly maxDelay?: Duration;
  /** The share of the wait that is random, 0 to 1. Default 0.2. */
  readonly jitter?: number;
}

export interface TaskOptions<Upstream extends string = string> {
  /** Tasks that must have succeeded before this one starts; their outputs are its `upstream`. */
  readonly after?: readonly Upstream[];
  /** Default: one attempt. */
  readonly retry?: RetryOptions;
  /** Limit of one attempt. Default: the daemon's `[task] timeout`. */
  readonly timeout?: Duration;
  /** Attempts of this task at once, over all runs. Default: no limit of its own. */
  readonly concurrency?: number;
  /** `fresh` gives each attempt a process of its own. Default `shared`. */
  readonly isolation?: "shared" | "fresh";
  /** What becomes of an attempt that the daemon's end cut off. Default `retry`. */
  readonly onInterrupted?: "retry" | "fail";
  /**
   * How it meets the world, in a workflow with `record: true`. `pure`: it reads nothing but its input. `recorded`, the default:
   * what it reads is recorded, and a replay is given it again. `external`: it changes something outside; no replay runs it.
   */
  readonly effects?: "pure" | "recorded" | "external";
}

export interface AuthoredTask {
  readonly name: string;
  readonly options: TaskOptions;
  readonly run: (context: TaskContext<never, never>) => unknown;
}

/** A workflow as it was written, unchecked: `cascade pack` reports every mistake at once. */
export interface AuthoredWorkflow {
  readonly name: string;
  readonly options: WorkflowOptions;
  readonly tasks: readonly AuthoredTask[];
}

type TaskFunction<Params, Upstream, Result> = (context: TaskContext<Params, Upstream>) => Result;

/** `never` for a name that is taken. */
type FreshName<Name extends string, Outputs> = string extends Name ? Name : Name extends keyof Outputs ? never : Name;

/**
 * A graph of tasks. `Outputs` has the JSON form of each task's output by its name. The type of what `task` returns is
 * written out twice: behind an alias the compiler gives up on chains of a hundred tasks.
 */
export interface Workflow<Params = unknown, Outputs extends object = Record<never, never>> {
  readonly [WORKFLOW]: AuthoredWorkflow;

  /** Adds a task without upstream. */
  task<const Name extends string, Result>(
    name: FreshName<Name, Outputs>,
    run: TaskFunction<Params, Record<never, never>, Result> & HasJsonForm<Awaited<Result>>,
  ): Workflow<Params, Outputs & { readonly [N in Name]: JsonForm<Awaited<Result>> }>;

  /** Adds a task; `after` names tasks that were added before it. */
  task<const Name extends string, Result, const Upstream extends keyof Outputs & string = never>(
    name: FreshName<Name, Outputs>,
    options: TaskOptions<Upstream>,
    run: TaskFunction<Params, Pick<Outputs, Upstream>, Result> & HasJsonForm<Awaited<Result>>,
  ): Workflow<Params, Outputs & { readonly [N in Name]: JsonForm<Awaited<Result>> }>;
}

/** Begins a workflow. It belongs to the package whose entry exports it, as default or by name. */
export function workflow<const Schema extends StandardSchema>(
  name: string,
  options: WorkflowOptions & { readonly params: Schema },
): Workflow<SchemaOutput<Schema>>;
export function workflow(name: string, options?: WorkflowOptions): Workflow;
export function workflow(name: string, options: WorkflowOptions = {}): Workflow {
  const tasks: AuthoredTask[] = [];
  const authored: AuthoredWorkflow = { name, options, tasks };
  noteAuthored(authored);
  const builder = {
    [WORKFLOW]: authored,
    task(taskName: string, ...rest: [AuthoredTask["run"]] | [TaskOptions, AuthoredTask["run"]]) {
      const [taskOptions, run] = rest.length === 1 ? [{}, rest[0]] : rest;
      const task = { name: taskName, options: taskOptions, run };
      noteAuthored(task);
      tasks.push(task);
      return builder;
    },
  };
  return builder;
}
