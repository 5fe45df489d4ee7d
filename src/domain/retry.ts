import type { RetryPolicy } from "./workflow.ts";

/** Whether the policy grants another attempt after so many that count. */
export function mayRetry(policy: RetryPolicy, countedAttempts: number): boolean {
  return countedAttempts < policy.attempts;
}

/**
 * The wait before the next attempt, in whole milliseconds. `random` is 0 to below 1; of the wait the policy's `jitter` share
 * is random, so it lies between `wait * (1 - jitter)` and `wait`.
 */
export function retryDelay(policy: RetryPolicy, countedAttempts: number, random: number): number {
  // 2 ** 40 ms is over thirty years: the exponent is bounded so that the product stays a finite number.
  const factor = policy.backoff === "exponential" ? 2 ** Math.min(countedAttempts - 1, 40) : 1;
  const wait = Math.min(policy.delayMs * factor, policy.maxDelayMs);
  return Math.round(wait * (1 - policy.jitter * random));
}
