import type { DaemonFrame } from "../protocol.ts";
import { createLineReader } from "../line-reader.ts";

/** Reads the daemon's frames from the chunks of descriptor 3. They can be long, and are ours. */
export function createFrameInput(take: (frame: DaemonFrame) => void): (chunk: Uint8Array) => void {
  const reader = createLineReader(
    Infinity,
    (line) => take(JSON.parse(line) as DaemonFrame),
    () => undefined,
  );
  return (chunk) => reader.feed(chunk);
}
