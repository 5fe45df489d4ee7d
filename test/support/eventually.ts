/**
 * Waits for a fact: calls `check` until it neither throws nor returns false, and returns what it returned.
 * After `timeoutMs` (10 s) it fails with the last reason. The only place where a test sleeps.
 */
export async function eventually<Value>(
  check: () => Value | Promise<Value>,
  options: { timeoutMs?: number; everyMs?: number; what?: string } = {},
): Promise<Exclude<Value, false>> {
  const { timeoutMs = 10_000, everyMs = 10, what = check.toString() } = options;
  const end = performance.now() + timeoutMs;
  let reason: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== false) return value as Exclude<Value, false>;
      reason = "it was false";
    } catch (error) {
      reason = error;
    }
    if (performance.now() >= end) {
      throw new Error(
        `not within ${timeoutMs} ms: ${what}\n${reason instanceof Error ? reason.message : String(reason)}`,
        {
          cause: reason,
        },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
