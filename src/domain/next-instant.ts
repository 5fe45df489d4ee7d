import type { PlannedInstants } from "./firing.ts";
import type { Firing } from "./schedule.ts";

/**
 * The next instant that an active schedule should wait for, given the one it waits for. They differ when that was computed while
 * the clock was wrong, or with other zone data. One that is due is right: it is decided as it is. What is decided already, as
 * when the clock was set back over it, does not come again. `decided` are the firings after now and before `nextAt`.
 */
export function rightNextAt(
  nextAt: number | null,
  now: number,
  instants: PlannedInstants,
  decided: readonly Pick<Firing, "plannedAt" | "count">[],
): number | null {
  if (nextAt !== null && nextAt <= now) return nextAt;
  const single = new Set(decided.map(({ plannedAt }) => plannedAt));
  const counted = decided.filter(({ count }) => count > 1);
  const isDecided = (instant: number) =>
    single.has(instant) ||
    counted.some(({ plannedAt, count }) => plannedAt > instant && instants.count(instant, plannedAt) < count);
  let right = instants.next(now);
  while (right !== null && (nextAt === null || right < nextAt) && isDecided(right)) right = instants.next(right);
  return right;
}
