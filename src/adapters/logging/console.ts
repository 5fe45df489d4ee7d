import type { Writable } from "node:stream";

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
  return {
    write(text) {
      if (!gone) stream.write(text);
    },
    flush: () =>
      new Promise((resolve) => {
        if (gone || stream.destroyed) resolve();
        else stream.write("", () => resolve());
      }),
  };
}
