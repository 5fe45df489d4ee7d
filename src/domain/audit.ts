import type { Json } from "../kernel/json.ts";

/** What whoever may drop files can make without end: these drive out no other facts. */
export const REFUSAL = "package.rejected";

/**
 * How many facts are kept, the newest: of refusals, and of the others. A refusal takes up to five kilobytes, the others a few hundred bytes.
 */
export const auditLimits = { refusals: 1_000, others: 100_000 } as const;

/** A fact about the daemon or its packages that must outlive the logs. */
export interface AuditEntry {
  at: number;
  /** `daemon.started`, `package.loaded`, `package.rejected`, `config.reloaded`, `workflow.paused` and so on. */
  name: string;
  /** What it is about: a package, a workflow, a file; null for the daemon. */
  subject: string | null;
  data: Json;
}
