import type { Writable } from "node:stream";
import { multistream, pino, stdTimeFunctions } from "pino";
import type { Clock } from "../../kernel/clock.ts";
import { boundedText, toCascadeError } from "../../kernel/errors.ts";
import { type LogFields, type Logger, type LogLevel, logLevels } from "../../kernel/logger.ts";
import type { ConsoleKind } from "./console-kind.ts";
import { type LogFile, openLogFile } from "./log-file.ts";
import { createConsole } from "./console.ts";
import { readableForm } from "./readable.ts";

/** Characters; longer ones are looked at for their bytes. */
const FIELD_MAX = 1_000;

export interface LoggingOptions {
  level: LogLevel;
  /** Folder of the rotated files; null writes none. */
  dir: string | null;
  maxSizeBytes: number;
  keep: number;
  console: ConsoleKind;
  /** Of the readable form. */
  colour: boolean;
  stdout: Writable;
  stderr: Writable;
  clock: Clock;
}

export interface Logging {
  logger: Logger;
  /** For all loggers made from it, at once. */
  setLevel(level: LogLevel): void;
  flush(): Promise<void>;
  /** Writes what is left; later lines go nowhere. Always resolves. */
  close(): Promise<void>;
}

/**
 * Opens the daemon's own log. Lines are JSON with `level time msg component event` and further fields; `err` is
 * `{code, message, hint}`, with `cause` where there is one and `stack` for an error that is a bug.
 * A log file that cannot be opened or written is told on the console, which then is the only place: logging never throws.
 */
export async function createLogging(options: LoggingOptions): Promise<Logging> {
  const console = createConsole(options.console === "journal" ? options.stdout : options.stderr);
  const format = options.console === "terminal" ? await readableForm(options.colour) : (line: string) => line;
  const streams = multistream([{ level: "debug", stream: { write: (line: string) => console.write(format(line)) } }]);
  const sink = pino(
    {
      level: "debug",
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorLine },
    },
    streams,
  );
  // pino copies the level into each child when it is made, so a level that can change is compared here.
  let lowest = logLevels.indexOf(options.level);
  let closed = false;
  const say = (level: LogLevel, component: string | undefined, fields: LogFields, message: string) => {
    if (closed || logLevels.indexOf(level) < lowest) return;
    sink[level](boundedFields(component === undefined ? fields : { component, ...fields }), boundedText(message));
  };
  const loggerOf = (component?: string): Logger => ({
    debug: (fields, message) => say("debug", component, fields, message),
    info: (fields, message) => say("info", component, fields, message),
    warn: (fields, message) => say("warn", component, fields, message),
    error: (fields, message) => say("error", component, fields, message),
    child: (name) => loggerOf(name),
  });
  const logger = loggerOf();
  const file = options.dir === null ? undefined : await openFile({ ...options, dir: options.dir }, loggerOf("log"));
  if (file) streams.add({ level: "debug", stream: file });
  return {
    logger,
    setLevel: (level) => (lowest = logLevels.indexOf(level)),
    flush: async () => void (await Promise.all([console.flush(), file?.flush()])),
    async close() {
      closed = true;
      await Promise.all([console.flush(), file?.close()]);
    },
  };
}

async function openFile(options: LoggingOptions & { dir: string }, logger: Logger): Promise<LogFile | undefined> {
  try {
    return await openLogFile({ ...options, logger });
  } catch (err) {
    logger.error({ event: "log.failed", err }, `there is no log file in ${options.dir}`);
    return undefined;
  }
}

/** Text of a stranger, such as a schedule's rule, may be a field. */
function boundedFields(fields: LogFields): LogFields {
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "string" && value.length > FIELD_MAX) fields = { ...fields, [name]: boundedText(value) };
  }
  return fields;
}

function errorLine(error: unknown): Record<string, unknown> {
  const { cause, stack, code, message, hint } = toCascadeError(error);
  return {
    code,
    message,
    hint,
    ...(cause instanceof Error && cause.message !== message ? { cause: boundedText(cause.message) } : {}),
    ...(code === "INTERNAL" ? { stack: cause instanceof Error ? cause.stack : stack } : {}),
  };
}
