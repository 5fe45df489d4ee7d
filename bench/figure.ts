import type { Workload } from "./ceiling-work.ts";

/** What a measurement is given: each repetition has an empty folder, in which it leaves no process behind. */
export interface Bench {
  /** The checkout whose `dist/` is measured. */
  root: string;
  folder: string;
  /** Arguments for the daemon's Node, such as a profiler's. */
  nodeArguments: readonly string[];
}

/** Numbers by their key in the report. */
export type Values = Readonly<Record<string, number>>;

export interface Figure {
  /** The key of its main number; further numbers have it as their prefix. */
  key: string;
  /** One line for the table. */
  title: string;
  /** Where the setting-up takes far longer than what is measured: no more repetitions than these. */
  repetitionsMax?: number;
  measure(bench: Bench): Promise<Values>;
  /** The same work for the bare program, and which of its numbers is the ceiling of which key. */
  ceiling?: { workload: Workload; keys: Readonly<Record<string, string>> };
}
