/** Lines that are written together: what one turn of the event loop has to say costs one write. */
export interface LineBatch {
  write(line: string): void;
  /** Writes what has gathered, now. */
  flush(): void;
}

/** Waits for the end of the running piece of code and no longer: a microtask, so that nothing comes in between. */
export function createLineBatch(write: (lines: string) => void): LineBatch {
  let gathered = "";
  const flush = () => {
    if (gathered === "") return;
    const lines = gathered;
    gathered = "";
    write(lines);
  };
  return {
    write(line) {
      if (gathered === "") queueMicrotask(flush);
      gathered += line;
    },
    flush,
  };
}
