import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import type { LogLevel } from "../../../kernel/logger.ts";
import { type RunFrame, TEXT_MAX } from "../protocol.ts";
import { shorten } from "./channel.ts";
import { stackText } from "./failure-text.ts";
import type { OutsideCalls } from "./readings/outside-calls.ts";

export interface ContextSources {
  frame: RunFrame;
  params: unknown;
  signal: () => AbortSignal;
  workDir: string;
  assets: string;
  calls(): Promise<OutsideCalls>;
  /** `fields` is JSON text, or empty. */
  log(level: LogLevel, message: string, fields: string): void;
}

/** What the author's function gets; `TaskContext` of the SDK describes it. */
export function createTaskContext({ frame, params, signal, workDir, assets, calls, log }: ContextSources): object {
  const logAt = (level: LogLevel) => (message: unknown, fields?: unknown) =>
    log(level, shorten(typeof message === "string" ? message : inspect(message), TEXT_MAX), fieldsText(fields));
  return {
    params,
    upstream: upstreamOf(frame),
    log: { debug: logAt("debug"), info: logAt("info"), warn: logAt("warn"), error: logAt("error") },
    get signal() {
      return signal();
    },
    attempt: frame.attempt,
    runId: frame.runId,
    plannedAt: frame.plannedAt,
    idempotencyKey: frame.key,
    fetch: async (...args: Parameters<OutsideCalls["fetch"]>) => (await calls()).fetch(...args),
    exec: async (...args: Parameters<OutsideCalls["exec"]>) => (await calls()).exec(...args),
    readFile: async (path: string, encoding?: "utf8") => {
      const { readFile } = await calls();
      return encoding === undefined ? readFile(path) : readFile(path, encoding);
    },
    workDir,
    assets,
    workflow: frame.workflow,
    task: frame.task,
  };
}

/** Outputs that are files are read when the task first looks at them. */
function upstreamOf(frame: RunFrame): Record<string, unknown> {
  const upstream = frame.upstream;
  for (const [name, path] of Object.entries(frame.files)) {
    let read: { value: unknown } | undefined;
    Object.defineProperty(upstream, name, {
      enumerable: true,
      configurable: true,
      get: () => (read ??= { value: JSON.parse(readFileSync(path, "utf8")) as unknown }).value,
    });
  }
  return upstream;
}

/** A log call must not fail a task: fields without a JSON form are shown as Node shows them. */
function fieldsText(fields: unknown): string {
  if (fields === undefined) return "";
  try {
    const json = JSON.stringify(fields, (_key, value: unknown) => (value instanceof Error ? stackText(value) : value));
    return shorten(json ?? inspect(fields), TEXT_MAX);
  } catch {
    return shorten(inspect(fields), TEXT_MAX);
  }
}
