import type { Clock } from "../../kernel/clock.ts";

/** One timer for everything that can become overdue, however many attempts there are. */
export interface Deadline {
  /** Makes sure that `sweep` is called no later than at this time. */
  need(at: number): void;
  clear(): void;
}

/** `sweep` acts on what is overdue and returns when it wants to be called next, or Infinity. */
export function createDeadline(clock: Clock, now: () => number, sweep: () => number): Deadline {
  let armedFor = Infinity;
  let cancel: (() => void) | undefined;
  const need = (at: number) => {
    if (at >= armedFor) return;
    cancel?.();
    armedFor = at;
    cancel = clock.after(Math.max(0, at - now()), () => {
      armedFor = Infinity;
      need(sweep());
    });
  };
  return {
    need,
    clear() {
      cancel?.();
      armedFor = Infinity;
    },
  };
}
