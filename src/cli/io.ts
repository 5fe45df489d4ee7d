import type { Clock } from "../kernel/clock.ts";

/** What a command sees of the process it runs in. */
export interface Io {
  /** Data. */
  out(text: string): void;
  /** Data of which another program gets every byte as it is; on a terminal control characters are written out all the same. */
  exact(text: string): void;
  /** Talk: progress, hints, errors. */
  err(text: string): void;
  /** Whether data, and talk, go to a terminal. */
  outIsTerminal: boolean;
  errIsTerminal: boolean;
  /** Of the terminal that talk goes to. */
  size(): { columns: number; rows: number };
  environment: Readonly<Record<string, string | undefined>>;
  workingDir: string;
  home: string;
  clock: Clock;
  nodePath: string;
  /** Without the leading `v`. */
  nodeVersion: string;
  /** The file that was started as `cascade`. */
  program: string;
  uid: number;
  /** Calls back at the first Ctrl-C instead of ending the process; the returned function takes that back. */
  onInterrupt(callback: () => void): () => void;
}

/** Colours are for terminals, and only when nothing says otherwise (https://no-color.org). */
export function usesColor(io: Io, isTerminal: boolean): boolean {
  const noColor = io.environment["NO_COLOR"];
  return isTerminal && (noColor === undefined || noColor === "") && io.environment["TERM"] !== "dumb";
}
