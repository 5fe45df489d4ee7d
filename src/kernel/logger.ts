export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** The fields a log line may carry beside its message; names are part of the public log format. */
export interface LogFields {
  /** What happened, as `noun.verb`: `run.ended`, `package.rejected`. */
  event?: string;
  package?: string;
  workflow?: string;
  runId?: string;
  task?: string;
  attempt?: number;
  durationMs?: number;
  err?: unknown;
  [more: string]: unknown;
}

export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger whose lines name the part of the daemon they come from. */
  child(component: string): Logger;
}

/** Says nothing. For embedding and tests that do not read logs. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
