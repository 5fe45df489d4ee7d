import type { Writable } from "node:stream";
import { createLineBatch } from "./line-batch.ts";

export interface Console {
  write(text: string): void;
  /** Resolves when what was written before has left, or never will. */
  flush(): Promise<void>;
}

/** Writes to a standard stream for as long as somebody reads it: a closed terminal or pipe ends the talk, not the daemon. */
export function createConsole(stream: Writable): Console {
  let gone = false;
  // Stays on the stream: a write may fail long after it was made.
  stream.on("error", () => (gone = true));
  const lines = createLineBatch((text) => {
    if (!gone) stream.write(text);
  });
  return {
    write: (text) => lines.write(text),
    flush: () =>
      new Promise((resolve) => {
        lines.flush();
        if (gone || stream.destroyed) resolve();
        else stream.write("", () => resolve());
      }),
  };
}
