export interface CommandToRun {
  /** The program and its arguments; no shell is between. */
  argv: readonly string[];
  environment: Readonly<Record<string, string>>;
  stdin: string;
  timeoutMs: number;
  /** A command that writes more to stdout is ended. */
  maxBytes: number;
  signal: AbortSignal;
}

/**
 * Runs a command to its end and resolves to its stdout. Rejects with `ANCHOR_UNREACHABLE` when it cannot be started, does not end
 * in time, writes too much or exits with another code than 0. Nothing of its process group is left running.
 */
export type RunCommand = (command: CommandToRun) => Promise<Buffer>;
