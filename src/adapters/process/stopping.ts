import type { AbortReason } from "./protocol.ts";
import { readableSpan } from "./readable-span.ts";

/** What is done to end an attempt: its name in logs and errors, and the deed. */
export type StopStep = readonly [name: string, take: () => void];

/** The end of an attempt that does not come by itself. */
export interface Stopping {
  readonly reason: AbortReason;
  /** Takes the step that is due; answers when the next one is, Infinity after the last. */
  sweep(): number;
  /** Takes the last step now. */
  hurry(): void;
  /** `aborted, SIGTERM after 5.0s, SIGKILL after 10s`: what was done so far, counted from the first. */
  told(): string;
}

export interface StoppingOptions {
  reason: AbortReason;
  /** From the mildest to the one that works. Not empty. */
  steps: readonly StopStep[];
  /** From one step to the next. Without any time, only the last step is taken. */
  graceMs: number;
  now: () => number;
  /** Told each step as it is taken. */
  note: (step: string) => void;
}

/** Takes the first step. */
export function beginStopping({ reason, steps, graceMs, now, note }: StoppingOptions): Stopping {
  const beganAt = now();
  const taken: string[] = [];
  let next = graceMs === 0 ? steps.length - 1 : 0;
  const take = () => {
    const [name, act] = steps[next]!;
    const step = taken.length === 0 ? name : `${name} after ${readableSpan(now() - beganAt)}`;
    next++;
    taken.push(step);
    note(step);
    act();
  };
  take();
  return {
    reason,
    sweep() {
      if (next === steps.length) return Infinity;
      const dueAt = beganAt + next * graceMs;
      if (now() < dueAt) return dueAt;
      take();
      return next === steps.length ? Infinity : beganAt + next * graceMs;
    },
    hurry() {
      if (next === steps.length) return;
      next = steps.length - 1;
      take();
    },
    told: () => taken.join(", "),
  };
}
