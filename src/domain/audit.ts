import type { Json } from "../kernel/json.ts";

/** A fact about the daemon or its packages that must outlive the logs. */
export interface AuditEntry {
  at: number;
  /** `daemon.started`, `package.loaded`, `package.rejected`, `config.reloaded`, `workflow.paused` and so on. */
  name: string;
  /** What it is about: a package, a workflow, a file; null for the daemon. */
  subject: string | null;
  data: Json;
}
