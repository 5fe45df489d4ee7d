import { StringDecoder } from "node:string_decoder";
import { isoTime } from "../../kernel/clock.ts";
import type { LogLevel } from "../../kernel/logger.ts";
import type { AttemptLog, LogSink } from "../../ports/log-sink.ts";
import type { AttemptListener, AttemptResult, AttemptSpec } from "../../ports/task-host.ts";
import { readableSpan } from "./readable-span.ts";

/** An attempt that a task host has and that is not answered yet: its log, and the one answer. */
export interface OpenAttempt {
  readonly spec: AttemptSpec;
  started(): void;
  giveBack(): void;
  /** Closes the log with its last line, then answers. `ms` is how long it ran. */
  end(result: AttemptResult, ms: number): void;
  write(stream: "stdout" | "stderr", text: string): void;
  /** Raw bytes; a character that a chunk cuts in two is put together again. */
  writeBytes(stream: "stdout" | "stderr", bytes: Buffer): void;
  /** A call of `ctx.log`; `fields` is JSON text or empty. */
  log(at: number, level: LogLevel, message: string, fields: string): void;
  /** A line of ours among those of the task: what was done to it. */
  note(text: string): void;
  /** No answer is given any more. */
  silence(): void;
}

export function openAttempt(
  spec: AttemptSpec,
  listener: AttemptListener,
  logSink: LogSink,
  onAnswered: (attempt: OpenAttempt) => void,
): OpenAttempt {
  let log: AttemptLog | undefined;
  let silent = false;
  const decoders = new Map<string, StringDecoder>();
  const open = () => (log ??= logSink.open(spec));

  const attempt: OpenAttempt = {
    spec,
    started() {
      if (!silent) listener.started();
    },
    giveBack() {
      onAnswered(attempt);
      if (!silent) listener.givenBack();
    },
    end(result, ms) {
      if (result.failure?.stack) open().write("log", `${result.failure.stack}\n`);
      log?.end(silent ? `-- interrupted after ${readableSpan(ms)}: the daemon stopped` : lastLine(result, ms));
      onAnswered(attempt);
      if (!silent) listener.ended(result);
    },
    write(stream, text) {
      open().write(stream, text);
    },
    writeBytes(stream, bytes) {
      let decoder = decoders.get(stream);
      if (!decoder) decoders.set(stream, (decoder = new StringDecoder("utf8")));
      const text = decoder.write(bytes);
      if (text !== "") open().write(stream, text);
    },
    log(at, level, message, fields) {
      open().write("log", `${isoTime(at)} ${level.padEnd(5)} ${message}${fields === "" ? "" : ` ${fields}`}\n`);
    },
    note(text) {
      open().write("log", `-- ${text}\n`);
    },
    silence() {
      silent = true;
    },
  };
  return attempt;
}

/** `-- failed after 1.2s: TASK_FAILED no such table` */
function lastLine({ outcome, failure, exitCode }: AttemptResult, ms: number): string {
  const code = exitCode === null || exitCode === 0 ? "" : ` with exit code ${exitCode}`;
  const reason = failure ? `: ${failure.code} ${failure.message.split("\n", 1)[0]}` : "";
  return `-- ${outcome} after ${readableSpan(ms)}${code}${reason}`;
}
