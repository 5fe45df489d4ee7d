/** Writes to the log of the attempt, in order with everything else the task prints. */
export interface TaskLog {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface ExecOptions {
  /** Default: the work folder. */
  readonly cwd?: string;
  /** Instead of the task's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to its stdin. */
  readonly input?: string;
}

/** How a program ended and what it printed, as UTF-8. A program that could not start, or printed over 16 MB, rejects instead. */
export interface ExecResult {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a task's function is given. */
export interface TaskContext<Params = unknown, Upstream = unknown> {
  /** The run's params after the workflow's schema: its defaults and transforms apply. Without a schema, as they were given. */
  readonly params: Params;
  /** Outputs of the tasks named in `after`, in their JSON form. */
  readonly upstream: Upstream;
  readonly log: TaskLog;
  /** Aborted when the attempt is cancelled, out of time or cut off by the daemon's stop. Pass it on to whatever takes long. */
  readonly signal: AbortSignal;
  /** From 1. */
  readonly attempt: number;
  readonly runId: string;
  /** The instant the run stands for, ISO-8601 in UTC: the same in every attempt and after every restart. */
  readonly plannedAt: string;
  /** The same in every attempt of this task in this run: hand it to services that take one, so that a repeated attempt acts once. */
  readonly idempotencyKey: string;
  /** The global `fetch`. In a recorded workflow the answer is recorded with its whole body, and a replay is given it again. */
  readonly fetch: typeof fetch;
  /** Runs a program to its end. In a recorded workflow what it printed is recorded, and a replay does not run it again. */
  exec(file: string, args?: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /**
   * Reads a file. In a recorded workflow the content of one outside of package and work folder is recorded, and a replay is
   * given it again. A relative path starts from the work folder.
   */
  readFile(path: string): Promise<Uint8Array>;
  readFile(path: string, encoding: "utf8"): Promise<string>;
  /** An empty private folder; it is removed after a success. */
  readonly workDir: string;
  /** The folder with the package's assets, to be read only. */
  readonly assets: string;
  /** `package/workflow`. */
  readonly workflow: string;
  readonly task: string;
}
