import { noteAuthored } from "./authoring.ts";

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export interface CronOptions {
  /** An IANA zone such as `Europe/Berlin`. Default: the daemon's `timezone`. */
  readonly timezone?: string;
  /**
   * What becomes of firings missed while the daemon was down: none, the latest one (default), or all of them;
   * `"all"` is the newest 10, `{ all: n }` the newest n.
   */
  readonly catchUp?: "skip" | "latest" | "all" | { readonly all: number };
  /** What happens when the previous run of this schedule is still active. Default `skip`. */
  readonly overlap?: "skip" | "queue" | "allow" | "cancel_previous";
  /** The params of every run it starts; they must satisfy the workflow's schema. Default `{}`. */
  readonly params?: JsonValue;
  /** Unique in the workflow. Default: the expression and the zone. */
  readonly name?: string;
}

/** A time rule as plain data. */
export interface CronRule extends CronOptions {
  readonly cron: string;
}

/** A schedule of a workflow: five fields, six with seconds first, or `@daily` and friends. Mistakes are reported by `cascade pack`. */
export function cron(expression: string, options: CronOptions = {}): CronRule {
  const rule = { ...options, cron: expression };
  noteAuthored(rule);
  return rule;
}
