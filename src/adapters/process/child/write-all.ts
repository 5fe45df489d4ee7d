import { writeSync } from "node:fs";

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes everything before it returns, so that nothing is lost when the next line blocks or ends the process.
 * A descriptor that a grandchild or a socket made non-blocking is waited for. False when nobody reads it any more.
 */
export function writeAll(fd: number, text: string): boolean {
  const bytes = Buffer.from(text, "utf8");
  for (let offset = 0; offset < bytes.length;) {
    try {
      offset += writeSync(fd, bytes, offset);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return false;
      Atomics.wait(sleeper, 0, 0, 1);
    }
  }
  return true;
}
