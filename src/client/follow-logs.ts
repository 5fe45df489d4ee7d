import type { LogChunkView, RunView } from "../app/views.ts";
import type { Client } from "./client.ts";
import type { FollowOptions } from "./follow-run.ts";
import { daemonLost, isAway, LOST_MS, pause, RETRY_MS } from "./waiting.ts";

export interface FollowLogsOptions extends Omit<FollowOptions, "onRun"> {
  onChunk(chunk: LogChunkView): void;
}

/**
 * Hands on what the attempts of a run write, of one task if it is named, until the run has ended and everything was handed
 * on. Resolves to the run; rejects with `DAEMON_LOST` when the daemon stays away for 30 s.
 */
export async function followLogs(
  client: Client,
  begun: RunView,
  task: string | null,
  options: FollowLogsOptions,
): Promise<RunView> {
  const { clock, signal } = options;
  const offsets: Record<string, number> = {};
  let last = begun;
  let lostAt: number | undefined;

  /** True when there was nothing new. */
  async function readOn(): Promise<boolean> {
    const chunks = await client.logs(begun.id, task, offsets);
    for (const chunk of chunks) {
      offsets[`${chunk.task}.${chunk.attempt}`] = chunk.nextOffset;
      options.onChunk(chunk);
    }
    return chunks.length === 0;
  }

  for (;;) {
    try {
      // The run is read first: if it has ended by then, an empty answer after it is the last one.
      last = await client.run(begun.id);
      const isQuiet = await readOn();
      lostAt = undefined;
      if (last.endedAt !== null && isQuiet) return last;
      if (!isQuiet) continue;
    } catch (error) {
      if (!isAway(error)) throw error;
      if (lostAt === undefined) options.onLost?.();
      lostAt ??= clock.elapsed();
      if (clock.elapsed() - lostAt >= LOST_MS) throw daemonLost(error);
    }
    if (signal?.aborted) return last;
    await pause(clock, RETRY_MS, signal);
  }
}
