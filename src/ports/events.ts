import type { FileLocation } from "../domain/registry.ts";
import type { Outcome, RunId, RunState, TaskRunState } from "../domain/run.ts";
import type { ErrorView } from "../kernel/errors.ts";

/** What the outside may see happen. Published only after it is durable. */
export interface EventMap {
  "run.changed": { runId: RunId; workflow: string; state: RunState; at: number };
  "task.changed": {
    runId: RunId;
    workflow: string;
    task: string;
    state: TaskRunState;
    attempt: number;
    outcome: Outcome | null;
    at: number;
  };
  "package.loaded": { package: string; version: string; digest: string; file: FileLocation; at: number };
  "package.rejected": { file: FileLocation; error: ErrorView; at: number };
  "package.unloaded": { package: string; version: string; digest: string; at: number };
  "daemon.changed": { state: "starting" | "running" | "draining" | "stopped"; at: number };
}

export type EventName = keyof EventMap;
export type CascadeEvent = { [Name in EventName]: { name: Name } & EventMap[Name] }[EventName];

export interface Events {
  publish(event: CascadeEvent): void;
  /** Returns the function that ends the subscription. A listener must not throw. */
  subscribe(listener: (event: CascadeEvent) => void): () => void;
}
