import type { ClockStep } from "../kernel/clock.ts";
import type { Digest } from "../kernel/digest.ts";
import type { AnchorRecord } from "./anchor.ts";
import type { AuditEntry } from "./audit.ts";
import type { NotedPolicy } from "./policy-statement.ts";
import type { Proof } from "./proof.ts";
import type { RegistryChange } from "./registry.ts";
import type { Run, RunId } from "./run.ts";
import type { HistoryEntry, RunChange } from "./run-change.ts";
import type { Firing, ScheduleState } from "./schedule.ts";
import type { NewStatement, SealedStatement } from "./sealed-statement.ts";
import type { Tlog, TlogHead } from "./tlog.ts";
import type { ScheduleId, WorkflowId } from "./workflow.ts";

/** A new run with the first lines of its history. */
export interface NewRun {
  run: Run;
  history: readonly HistoryEntry[];
  /** The statement that it was started, of which the run bears the digest; null where the workflow does not log that. */
  start: NewStatement | null;
}

/** Everything that is ever written, as plain data. Each is written whole or refused. */
export type Change =
  /** Refused as `exists` when its workflow already has a run with this key. */
  | { type: "create_runs"; runs: readonly NewRun[] }
  /** Refused as `stale` when the run has another version, or the proof does not follow its workflow's chain. */
  | { type: "change_run"; change: RunChange; proof: Proof | null }
  /** Refused as `stale` when the schedule's next instant is not the expected one, `exists` when a firing is recorded already. */
  | {
      type: "fire";
      schedule: ScheduleId;
      expectedNextAt: number | null;
      nextAt: number | null;
      firings: readonly Firing[];
      runs: readonly NewRun[];
    }
  | { type: "registry"; change: RegistryChange; audit: readonly AuditEntry[] }
  /** Refused as `stale` when another policy holds than the one it begins with. */
  | { type: "change_policy"; noted: NotedPolicy }
  /** Refused as `missing` when there is no such workflow. */
  | { type: "pause_workflow"; workflow: WorkflowId; pausedAt: number | null; audit: AuditEntry }
  /** A resumed schedule counts from `nextAt`, so that nothing fires for the time it was paused. */
  | { type: "set_schedule_state"; schedule: ScheduleId; state: ScheduleState; nextAt: number | null; audit: AuditEntry }
  /**
   * Begins a log with this statement as its leaf 0, before the statements from `log.firstStatement` on, which move up by one.
   * Refused as `exists` when there is a log of this origin, `stale` when that would leave a gap or cut into a signed head.
   */
  | { type: "open_tlog"; log: Tlog; opening: SealedStatement & { file: string } }
  /** A statement that is about no end of a run; its file is due. */
  | { type: "add_statement"; statement: SealedStatement & { file: string } }
  /** The signatures of statements that had none. Refused as `exists` when one has, `missing` when one is not there. */
  | { type: "sign_statements"; signatures: readonly { id: number; signature: string }[] }
  /**
   * From here on another key signs, also what is not signed yet. The note that says so comes before all of that but a statement
   * that opens the log, and moves it up by one; null when there is nothing to say.
   */
  | { type: "change_key"; keyId: Digest; note: (SealedStatement & { file: string }) | null }
  /** Refused as `missing` when there is no log of this origin. */
  | { type: "tlog_signed"; origin: string; head: TlogHead }
  /**
   * How far an anchor is with a head; takes the place of what this anchor had not finished of the log. Refused as `missing` when
   * there is no log of this origin.
   */
  | { type: "record_anchor"; record: AnchorRecord }
  /** Every file through this statement is in its place, but for `failed`; `mended` ones had failed before. */
  | { type: "files_written"; through: number; failed: readonly number[]; mended: readonly number[] }
  /** Leaves below the index may go; what is kept of them goes afterwards. Refused as `missing` when there is no such log. */
  | { type: "tlog_pruned"; origin: string; minimumIndex: number }
  /** Statements with an id below it that are pruned; those that are not stay. Their place in their workflow's chain is kept. */
  | { type: "delete_statements"; before: number }
  /** Of what is in its place, everything through this statement survives power loss. */
  | { type: "files_synced"; through: number }
  /** The newest thousand are kept. */
  | { type: "clock_stepped"; step: ClockStep }
  | { type: "delete_runs"; runs: readonly RunId[] }
  | { type: "audit"; entries: readonly AuditEntry[] };

export type Refusal = "stale" | "exists" | "missing" | "invalid";

/** The store's answer to one change. A refused one left nothing behind and harmed no neighbour. */
export type Verdict = { ok: true } | { ok: false; refusal: Refusal; message: string };
