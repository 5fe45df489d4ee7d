import type { Clock } from "../kernel/clock.ts";
import { CascadeError } from "../kernel/errors.ts";

/** How long a daemon that went away is waited for: a restart takes less. */
export const LOST_MS = 30_000;
/** Between two looks for it, and between two looks at a log: quick for a person, nothing for a daemon. */
export const RETRY_MS = 250;

/** The daemon does not answer now; a restarted one would. */
export function isAway(error: unknown): boolean {
  return error instanceof CascadeError && (error.code === "DAEMON_UNREACHABLE" || error.code === "DAEMON_LOST");
}

export function daemonLost(cause?: unknown): CascadeError {
  const message = `the daemon went away and did not come back within ${LOST_MS / 1_000} s`;
  return new CascadeError("DAEMON_LOST", message, { cause });
}

/** Resolves after a time, or as soon as the signal says so. */
export function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      callOff();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const callOff = clock.after(ms, done);
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}
