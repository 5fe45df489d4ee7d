import type { AttemptListener, AttemptResult, AttemptSpec, TaskHost } from "../../src/ports/task-host.ts";
import type { AttemptId } from "../../src/domain/run.ts";
import { type Clock } from "../../src/kernel/clock.ts";
import { type ErrorCode, hintOf } from "../../src/kernel/error-catalogue.ts";

export interface InProcessContext {
  spec: AttemptSpec;
  params: unknown;
  upstream: Readonly<Record<string, unknown>>;
  signal: AbortSignal;
  attempt: number;
  runId: string;
}

export type InProcessTask = (context: InProcessContext) => unknown;

export interface InProcessHostOptions {
  /** By `package/workflow/task`, else by task name. A name that is missing fails with `TASK_NOT_IN_BUNDLE`. */
  tasks: Readonly<Record<string, InProcessTask>>;
  clock: Clock;
  /** Default 4. */
  concurrency?: number;
  /** Attempts taken beyond those that run. Default 0. */
  prefetch?: number;
  /** How long an aborted task may go on. Default 5 s. */
  graceMs?: number;
}

/** A task host without processes, for tests of what stands above it. Keeps every promise of the port. */
export interface InProcessHost extends TaskHost {
  /** Every attempt it was ever given, in order. */
  readonly received: readonly AttemptSpec[];
  /** Attempts whose task began, in order. */
  readonly begun: readonly AttemptSpec[];
  /** Ends a started attempt as if its process had died. */
  crash(attemptId: AttemptId): void;
  /** Gives back everything that was not started. */
  giveBackAll(): void;
}

interface Held {
  spec: AttemptSpec;
  listener: AttemptListener;
  abort: AbortController;
  started: boolean;
  /** On its way back: never to begin. */
  leaving: boolean;
  /** Set once the attempt was told to stop: how it ends, whatever the task does then. */
  forced: AttemptResult | null;
  timers: (() => void)[];
}

export function createInProcessHost(options: InProcessHostOptions): InProcessHost {
  const { tasks, clock } = options;
  const graceMs = options.graceMs ?? 5_000;
  const prefetch = options.prefetch ?? 0;
  let concurrency = options.concurrency ?? 4;
  let state: "open" | "draining" | "stopped" = "open";
  const held = new Map<AttemptId, Held>();
  const received: AttemptSpec[] = [];
  const begun: AttemptSpec[] = [];
  const roomCallbacks: (() => void)[] = [];

  const started = () => [...held.values()].filter((attempt) => attempt.started);
  const listening = () => state !== "stopped";

  const forget = (attempt: Held) => {
    held.delete(attempt.spec.attemptId);
    for (const cancel of attempt.timers) cancel();
  };
  const afterLeaving = () => {
    startMore();
    for (const callback of roomCallbacks) callback();
  };
  const end = (attempt: Held, result: AttemptResult) => {
    if (held.get(attempt.spec.attemptId) !== attempt || !listening()) return;
    forget(attempt);
    attempt.listener.ended(attempt.forced ?? result);
    afterLeaving();
  };
  const giveBackSoon = (attempt: Held) => {
    attempt.leaving = true;
    queueMicrotask(() => giveBack(attempt));
  };
  const giveBack = (attempt: Held) => {
    if (held.get(attempt.spec.attemptId) !== attempt || !listening()) return;
    forget(attempt);
    attempt.listener.givenBack();
    afterLeaving();
  };
  const stopTask = (attempt: Held, forced: AttemptResult) => {
    if (attempt.forced) return;
    attempt.forced = forced;
    attempt.abort.abort(new Error(forced.failure?.message));
    attempt.timers.push(clock.after(graceMs, () => end(attempt, forced)));
  };

  const begin = (attempt: Held) => {
    attempt.started = true;
    const { spec } = attempt;
    begun.push(spec);
    attempt.listener.started();
    attempt.timers.push(
      clock.after(spec.timeoutMs, () =>
        stopTask(attempt, failed("timed_out", "TASK_TIMED_OUT", `it ran longer than ${spec.timeoutMs} ms`)),
      ),
    );
    const task = tasks[`${spec.workflow}/${spec.task}`] ?? tasks[spec.task];
    if (!task) {
      queueMicrotask(() => end(attempt, failed("failed", "TASK_NOT_IN_BUNDLE", `no task ${spec.task}`)));
      return;
    }
    const context: InProcessContext = {
      spec,
      params: JSON.parse(spec.params),
      upstream: Object.fromEntries(
        Object.entries(spec.upstream).map(([name, output]) => [
          name,
          output.kind === "inline" ? JSON.parse(output.json) : output,
        ]),
      ),
      signal: attempt.abort.signal,
      attempt: spec.number,
      runId: spec.runId,
    };
    void new Promise((resolve) => resolve(task(context))).then(
      (value) => end(attempt, succeeded(value)),
      (error: unknown) =>
        end(attempt, failed("failed", "TASK_FAILED", error instanceof Error ? error.message : String(error))),
    );
  };
  const startMore = () => {
    if (state !== "open") return;
    for (const attempt of held.values()) {
      if (started().length >= concurrency) return;
      if (!attempt.started && !attempt.leaving) begin(attempt);
    }
  };

  return {
    received,
    begun,
    room: () => (state === "open" ? Math.max(0, concurrency + prefetch - held.size) : 0),
    warmRoom: () => ({ processes: 0, idle: 0, places: 0 }),
    onRoom(callback) {
      roomCallbacks.push(callback);
    },
    execute(spec, listener) {
      received.push(spec);
      const attempt: Held = {
        spec,
        listener,
        abort: new AbortController(),
        started: false,
        leaving: false,
        forced: null,
        timers: [],
      };
      held.set(spec.attemptId, attempt);
      // Like a real host it answers later, never from inside execute.
      if (state === "draining") giveBackSoon(attempt);
      else queueMicrotask(startMore);
    },
    cancel(attemptId) {
      const attempt = held.get(attemptId);
      if (!attempt) return;
      if (attempt.started) stopTask(attempt, failed("cancelled", "TASK_CANCELLED", "it was cancelled"));
      else giveBackSoon(attempt);
    },
    resize(next) {
      concurrency = next;
      queueMicrotask(afterLeaving);
    },
    running: () => started().length,
    drain() {
      if (state !== "open") return;
      state = "draining";
      for (const attempt of held.values()) if (!attempt.started) giveBackSoon(attempt);
    },
    async stop() {
      state = "stopped";
      for (const attempt of [...held.values()]) {
        forget(attempt);
        if (attempt.started) attempt.abort.abort(new Error("the daemon stops"));
      }
    },
    crash(attemptId) {
      const attempt = held.get(attemptId);
      if (attempt?.started) end(attempt, failed("crashed", "TASK_KILLED", "killed by SIGKILL"));
    },
    giveBackAll() {
      for (const attempt of [...held.values()]) if (!attempt.started) giveBack(attempt);
    },
  };
}

function succeeded(value: unknown): AttemptResult {
  const json = JSON.stringify(value === undefined ? null : value);
  return { outcome: "succeeded", output: { kind: "inline", json }, failure: null, exitCode: null, readings: null };
}

function failed(outcome: AttemptResult["outcome"], code: ErrorCode, message: string): AttemptResult {
  return {
    outcome,
    output: null,
    failure: { code, message, hint: hintOf(code) },
    exitCode: null,
    readings: null,
  };
}
