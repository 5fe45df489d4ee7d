import type { AttemptSpec } from "./task-host.ts";

export type LogStream = "stdout" | "stderr" | "log";

/** The log of one attempt. Nothing is created until the first write; writes never wait for the disk. */
export interface AttemptLog {
  /** Whole or partial lines; keeps head and tail when there is more than the limit. */
  write(stream: LogStream, text: string): void;
  /** Adds the last line, which says how the attempt ended, if anything was written, and closes. */
  end(lastLine: string): void;
}

export interface LogSink {
  open(spec: Pick<AttemptSpec, "runId" | "task" | "number" | "createdAt">): AttemptLog;
}

/** Reading the logs of attempts, for `cascade logs`. */
export interface LogReader {
  /** The whole text kept of an attempt from a byte offset on, and the offset after it; undefined when nothing was written. */
  read(
    attempt: Pick<AttemptSpec, "runId" | "task" | "number" | "createdAt">,
    offset: number,
  ): Promise<{ text: string; nextOffset: number } | undefined>;
}
