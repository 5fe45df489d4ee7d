import type { FailCode, RunFrame } from "../protocol.ts";

/** How an attempt ended inside the process. */
export type AttemptEnd = { kind: "value"; value: unknown } | { kind: "failure"; code: FailCode; error: unknown };

/** An attempt that has begun. Everything that its code starts, now or later, finds it through the async context. */
export interface RunningAttempt {
  readonly frame: RunFrame;
  /** Made when it is first asked for: most tasks never do. */
  signal(): AbortSignal;
  abort(reason: DOMException): void;
  /** The first call decides; later ones change nothing. */
  settle(end: AttemptEnd): void;
  ended: boolean;
}

/** Begins nothing by itself: `body` is the attempt's code, and `attempt.settle` may come before it is through. */
export function runToEnd(
  frame: RunFrame,
  body: (attempt: RunningAttempt) => Promise<AttemptEnd>,
): { attempt: RunningAttempt; end: Promise<AttemptEnd> } {
  let settle!: (end: AttemptEnd) => void;
  const end = new Promise<AttemptEnd>((resolve) => {
    settle = resolve;
  });
  let controller: AbortController | undefined;
  const abortController = () => (controller ??= new AbortController());
  const attempt: RunningAttempt = {
    frame,
    signal: () => abortController().signal,
    abort: (reason) => abortController().abort(reason),
    settle,
    ended: false,
  };
  void body(attempt).then(settle, (error: unknown) => settle({ kind: "failure", code: "TASK_FAILED", error }));
  return { attempt, end };
}
