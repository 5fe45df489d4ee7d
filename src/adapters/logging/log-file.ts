import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import openRolling, { type RollingStream } from "pino-roll";
import type { Clock } from "../../kernel/clock.ts";
import type { Logger } from "../../kernel/logger.ts";
import { createLineBatch } from "./line-batch.ts";

export interface LogFileOptions {
  /** Created when missing. One process may write to it. */
  dir: string;
  /** A new file begins each day and about at this size: a burst is never torn apart. */
  maxSizeBytes: number;
  /** How many files stay, the current one and those of earlier processes included. */
  keep: number;
  clock: Clock;
  /** Told when writing begins to fail, when it works again, and when lines had to be dropped. */
  logger: Logger;
}

/** The rotated file of the daemon's own log: `cascade.2026-11-21.1.log`, JSON lines. */
export interface LogFile {
  write(line: string): void;
  /** Resolves when what was written before is with the operating system and synced; also when it could not be. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const FILE_NAME = /^cascade\.(\d{4}-\d\d-\d\d)\.(\d+)\.log$/;

/** What waits for a disk that does not answer; more is dropped and counted. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** A disk that hangs does not keep the daemon from ending. */
const CLOSE_WITHIN_MS = 3_000;

/** Rejects when the first file cannot be opened; later failures are told to the logger, and lines wait. */
export async function openLogFile(options: LogFileOptions): Promise<LogFile> {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  const stream = await openRolling({
    file: join(options.dir, "cascade.log"),
    frequency: "daily",
    dateFormat: "yyyy-MM-dd",
    // A bare number would count megabytes.
    size: `${options.maxSizeBytes}b`,
    // Not 0: then flush would call back without waiting for what is being written.
    minLength: 1,
    maxLength: MAX_WAITING_BYTES,
    mode: 0o640,
  });
  await new Promise<void>((resolve, reject) => {
    stream.once("ready", resolve);
    stream.once("error", reject);
  });
  stream.removeAllListeners("error");
  const prune = () => removeOldFiles(options.dir, options.keep);
  prune();
  stream.on("ready", prune);
  watchTrouble(stream, options.logger);

  const within = (work: (done: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      const calledOff = options.clock.after(CLOSE_WITHIN_MS, resolve);
      work(() => {
        calledOff();
        resolve();
      });
    });
  let closing: Promise<void> | undefined;
  const lines = createLineBatch((text) => void stream.write(text));
  const flush = () => {
    lines.flush();
    return within((done) => stream.flush(done));
  };
  return {
    write(line) {
      if (!closing) lines.write(line);
    },
    flush: () => closing ?? flush(),
    close() {
      closing ??= flush().then(() =>
        within((done) => {
          stream.once("close", done);
          // The stream tries to write its rest once more at its end and then stays open for ever when that fails.
          stream.once("error", () => {
            stream.destroy();
            done();
          });
          stream.end();
        }),
      );
      return closing;
    },
  };
}

// The stream keeps what it could not write and tries again with the next line, so failures need telling, not handling.
function watchTrouble(stream: RollingStream, logger: Logger): void {
  let failing = false;
  let dropped = 0;
  stream.on("error", (err: Error) => {
    if (failing) return;
    failing = true;
    logger.error({ event: "log.failed", err }, `the log file ${stream.file} cannot be written`);
  });
  stream.on("drop", (lines: string) => (dropped += lines.split("\n").length - 1));
  stream.on("write", () => {
    if (!failing) return;
    failing = false;
    const missing = dropped === 0 ? "" : `; ${dropped} lines are missing from it`;
    dropped = 0;
    logger.warn({ event: "log.recovered" }, `the log file ${stream.file} is written again${missing}`);
  });
}

// pino-roll's own limit counts only files of its own process, or acts only at the next rotation.
function removeOldFiles(dir: string, keep: number): void {
  const order = (name: string) => {
    const [, day, number] = FILE_NAME.exec(name)!;
    return `${day}.${number!.padStart(12, "0")}`;
  };
  try {
    const files = readdirSync(dir).filter((name) => FILE_NAME.test(name));
    files.sort((left, right) => (order(left) < order(right) ? 1 : -1));
    for (const name of files.slice(keep)) rmSync(join(dir, name), { force: true });
  } catch {
    // Too many old files are no reason to stop logging; the next rotation tries again.
  }
}
