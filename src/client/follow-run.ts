import type { RunView } from "../app/views.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Client } from "./client.ts";
import { daemonLost, isAway, LOST_MS, pause, RETRY_MS } from "./waiting.ts";

export interface FollowOptions {
  clock: Clock;
  /** Called with the run when the following begins and after changes. */
  onRun?(run: RunView): void | Promise<void>;
  /** Called once each time the daemon goes away. */
  onLost?(): void;
  /** Ends the following: it resolves to the run as last seen. */
  signal?: AbortSignal;
}

/**
 * Follows a run until it has ended and resolves to it. Rejects with `DAEMON_LOST` when the daemon stays away for 30 s.
 * No change is missed: the run is read again after the stream of events has opened, and after it broke.
 */
export async function followRun(client: Client, begun: RunView, options: FollowOptions): Promise<RunView> {
  const { clock, signal } = options;
  let last = begun;
  let lostAt: number | undefined;

  /** Ends when the run has, when the stream broke, or when the signal says so. */
  async function followStream(): Promise<void> {
    const changes = createChanges();
    const stream = new AbortController();
    const stop = () => stream.abort();
    signal?.addEventListener("abort", stop);
    const reading = readEvents(client, begun.id, stream.signal, changes);
    try {
      while (!signal?.aborted && (await changes.next())) {
        last = await client.run(begun.id);
        lostAt = undefined;
        await options.onRun?.(last);
        if (isEnded(last)) return;
      }
    } finally {
      signal?.removeEventListener("abort", stop);
      stream.abort();
      await reading;
    }
  }

  for (;;) {
    try {
      await followStream();
    } catch (error) {
      if (!isAway(error)) throw error;
    }
    if (isEnded(last) || signal?.aborted) return last;
    if (lostAt === undefined) options.onLost?.();
    lostAt ??= clock.elapsed();
    if (clock.elapsed() - lostAt >= LOST_MS) throw daemonLost();
    await pause(clock, RETRY_MS, signal);
  }
}

/** Marks a change at the opening of the stream and at each event; never rejects. */
async function readEvents(client: Client, run: string, signal: AbortSignal, changes: Changes): Promise<void> {
  try {
    for await (const _ of client.events({ run, signal })) changes.mark();
    changes.end();
  } catch (error) {
    changes.end(error);
  }
}

/** However many changes were marked while the last one was looked at, the next look is one. */
interface Changes {
  mark(): void;
  end(error?: unknown): void;
  /** True when there was a change since the last call, false when there will be none. Rejects with the error of the end. */
  next(): Promise<boolean>;
}

function createChanges(): Changes {
  let isMarked = false;
  let ended: { error: unknown } | undefined;
  let wake = (): void => undefined;
  return {
    mark() {
      isMarked = true;
      wake();
    },
    end(error) {
      ended = { error };
      wake();
    },
    async next() {
      while (!isMarked && !ended) await new Promise<void>((resolve) => (wake = resolve));
      if (isMarked) {
        isMarked = false;
        return true;
      }
      if (ended?.error !== undefined) throw ended.error as Error;
      return false;
    },
  };
}

function isEnded(run: RunView): boolean {
  return run.endedAt !== null;
}
