/** What a measurement is given: each repetition has an empty folder, in which it leaves no process behind. */
export interface Bench {
  root: string;
  folder: string;
  /** Arguments for the daemon's Node, such as a profiler's. */
  nodeArguments: readonly string[];
}

/** One number of a measurement, and for some what a bare program reaches with the same promises. */
export interface Value {
  name: string;
  unit: "ms" | "/s" | "%" | "MB";
  value: number;
  ceiling?: number;
}

export interface Figure {
  name: string;
  /** One line for the table. */
  title: string;
  measure(bench: Bench): Promise<Value[]>;
}
