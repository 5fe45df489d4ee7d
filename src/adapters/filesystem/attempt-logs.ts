import { constants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isoTime } from "../../kernel/clock.ts";
import { CascadeError, systemErrorCode } from "../../kernel/errors.ts";
import type { Logger } from "../../kernel/logger.ts";
import { openRegularFile } from "../../kernel/regular-file.ts";
import type { AttemptLog, LogReader, LogSink } from "../../ports/log-sink.ts";
import { createTail } from "./log-tail.ts";

export interface AttemptLogsOptions {
  /** The `runs` folder. */
  root: string;
  /** Bytes of one attempt's log, about: of more than this, the first and the last half are kept. */
  max: number;
  logger: Logger;
}

export interface AttemptLogs extends LogSink, LogReader {
  /** Resolves when everything written so far is with the operating system. */
  flush(): Promise<void>;
}

type AttemptName = Parameters<LogSink["open"]>[0];

/**
 * One file per attempt that wrote something, `YYYY/MM/DD/<run>/<task>.<attempt>.log` by the day the run was created.
 * Writes are gathered while the one before is on its way, so that a busy attempt costs few system calls.
 */
export function createAttemptLogs({ root, max, logger }: AttemptLogsOptions): AttemptLogs {
  /** Logs whose last bytes are not written yet, by path. */
  const active = new Map<string, OpenLog>();
  let complained = false;
  const onFailure = (error: unknown) => {
    if (complained) return;
    complained = true;
    logger.error({ event: "task_log.failed", err: error }, "task logs cannot be written; what they would say is lost");
  };

  return {
    open(attempt) {
      const path = join(root, logPath(attempt));
      let log: OpenLog | undefined;
      const writing = () => {
        if (!log) active.set(path, (log = openLog(path, max, onFailure)));
        return log;
      };
      return {
        write(stream, text) {
          if (text !== "") writing().write(text, stream === "log");
        },
        end(lastLine) {
          const ending = log;
          if (!ending) return;
          ending.end(lastLine);
          void ending.written().finally(() => {
            if (active.get(path) === ending) active.delete(path);
          });
        },
      } satisfies AttemptLog;
    },
    async read(attempt, offset) {
      const path = join(root, logPath(attempt));
      await active.get(path)?.written();
      return readFrom(path, offset);
    },
    async flush() {
      await Promise.all([...active.values()].map((log) => log.written()));
    },
  };
}

/** A task's name may hold a slash once tasks have children; a file name may not. */
function logPath({ runId, task, number, createdAt }: AttemptName): string {
  const day = isoTime(createdAt).slice(0, 10).replaceAll("-", "/");
  return join(day, runId, `${task.replaceAll("/", "%2F")}.${number}.log`);
}

interface OpenLog {
  /** `ownLine`: begins a line, whatever was written before. */
  write(text: string, ownLine: boolean): void;
  end(lastLine: string): void;
  written(): Promise<void>;
}

function openLog(path: string, max: number, onFailure: (error: unknown) => void): OpenLog {
  const half = Math.floor(max / 2);
  const tail = createTail(half);
  let headLeft = half;
  let waiting = "";
  let atLineStart = true;
  let ended = false;
  let file: FileHandle | undefined;
  let failed = false;
  let running: Promise<void> | undefined;

  const drainOnce = async () => {
    // Whatever else this turn writes goes along.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      while (waiting !== "" && !failed) {
        const text = waiting;
        waiting = "";
        file ??= await openIn(path);
        await file.appendFile(text);
      }
      if (ended) await file?.close();
    } catch (error) {
      failed = true;
      waiting = "";
      await file?.close().catch(() => undefined);
      onFailure(error);
    }
  };
  const start = () => {
    if (running || failed) return;
    running = drainOnce().finally(() => {
      running = undefined;
      if (waiting !== "") start();
    });
  };
  const add = (text: string) => {
    if (failed || text === "") return;
    atLineStart = text.endsWith("\n");
    if (headLeft > 0) {
      const size = Buffer.byteLength(text);
      if (size <= headLeft) {
        headLeft -= size;
        waiting += text;
        start();
        return;
      }
      // Cut at a line, so that head and tail stay readable.
      const cut = text.lastIndexOf("\n", headLeft) + 1;
      waiting += text.slice(0, cut);
      headLeft = 0;
      tail.add(text.slice(cut));
      start();
      return;
    }
    tail.add(text);
  };

  return {
    write(text, ownLine) {
      if (ownLine && !atLineStart) add("\n");
      add(text);
    },
    end(lastLine) {
      if (!atLineStart) add("\n");
      ended = true;
      const { text, lost } = tail.take();
      if (lost > 0) waiting += `-- ${lost} bytes left out --\n`;
      waiting += `${text}${lastLine}\n`;
      start();
    },
    async written() {
      while (running) await running;
    },
  };
}

/** What a task may have put in the place of its log is neither followed nor waited for. */
const APPEND =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

async function openIn(path: string): Promise<FileHandle> {
  try {
    return await open(path, APPEND, 0o600);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return open(path, APPEND, 0o600);
  }
}

/** Ends before a character that is not whole yet. */
async function readFrom(path: string, offset: number): Promise<{ text: string; nextOffset: number } | undefined> {
  const opened = await openRegularFile(path);
  if ("kind" in opened) {
    if (opened.kind === "absent") return undefined;
    throw new CascadeError("IO_FAILED", `${path} cannot be read as a log`);
  }
  const { file, size } = opened;
  try {
    const bytes = Buffer.alloc(Math.max(0, size - offset));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
    const whole = wholeCharacters(bytes.subarray(0, bytesRead));
    return { text: whole.toString("utf8"), nextOffset: offset + whole.length };
  } finally {
    await file.close();
  }
}

function wholeCharacters(bytes: Buffer): Buffer {
  // The last character begins in the last four bytes, at a byte that is no continuation (10xxxxxx).
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue;
    const needed = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return needed > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}
