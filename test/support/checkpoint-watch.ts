import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openTlogReader } from "../../src/daemon/tlog-reading.ts";

/** Someone who fetches the checkpoint of a log again and again, and keeps each that differs from the last. */
export interface CheckpointWatch {
  readonly seen: ReadonlySet<string>;
  stop(): void;
}

export function watchCheckpoints(data: string, everyMs: number): CheckpointWatch {
  const seen = new Set<string>();
  const look = () => {
    try {
      seen.add(readFileSync(join(data, "tlog/checkpoint"), "utf8"));
    } catch {
      // It is not there yet.
    }
  };
  const timer = setInterval(look, everyMs);
  return { seen, stop: () => clearInterval(timer) };
}

/** Which checkpoints are not heads of the log as it is now, in words. */
export async function wrongCheckpoints(data: string, seen: Iterable<string>): Promise<string[]> {
  const reader = await openTlogReader(data);
  const last = await reader.head();
  const wrong: string[] = [];
  for (const checkpoint of seen) {
    try {
      await reader.consistency(checkpoint, last);
    } catch (error) {
      wrong.push(`${JSON.stringify(checkpoint)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  await reader.close();
  return wrong;
}
