import type { ClockStep } from "../kernel/clock.ts";
import type { Digest } from "../kernel/digest.ts";
import type { AnchorRecord } from "../domain/anchor.ts";
import type { AuditEntry } from "../domain/audit.ts";
import type { Change, Verdict } from "../domain/change.ts";
import type { PolicyInForce } from "../domain/policy-statement.ts";
import type { Proof, ProofHead, ProofSummary, StoredProof } from "../domain/proof.ts";
import type {
  AdmissionRecord,
  FileLocation,
  PackageFileRecord,
  PackageRecord,
  WorkflowRecord,
} from "../domain/registry.ts";
import type { Run, RunId, RunState } from "../domain/run.ts";
import type { HistoryEntry } from "../domain/run-change.ts";
import type { Firing, Schedule } from "../domain/schedule.ts";
import type { SnapshotContent } from "../domain/snapshot.ts";
import type { StoredStatement, Tlog, TlogHead } from "../domain/tlog.ts";
import type { ScheduleId, WorkflowId } from "../domain/workflow.ts";
import type { CascadeError } from "../kernel/errors.ts";

/**
 * The durable truth. One writer at a time; what a verdict has called ok survives power loss.
 * Deliberately absent: connections, transactions, query languages. Methods reject with `STORE_FULL` (nothing was
 * written; try again later), `STORE_BUSY` (likewise), `STORE_FAILED` or `STORE_CORRUPT` (end the daemon).
 */
export interface Store
  extends StoreWriter, RunStore, RegistryStore, ScheduleStore, ProofStore, TlogStore, AnchorStore, LifeStore {}

export interface StoreWriter {
  /**
   * Writes a batch in one durable step and answers one verdict per change, in order. A later change of the batch sees the
   * earlier ones. A refused change leaves nothing behind; a rejected promise means that no change of the batch was written.
   * One call at a time.
   */
  commit(changes: readonly Change[]): Promise<readonly Verdict[]>;
}

export interface RunFilter {
  state?: readonly RunState[];
  workflow?: WorkflowId;
}

/** A page of a list, newest first. The cursor is opaque and stays valid while new items arrive. */
export interface Page<Item> {
  items: readonly Item[];
  nextCursor: string | null;
}

export interface PageRequest {
  limit: number;
  cursor: string | null;
}

/** A run in a list: its head, without its tasks. */
export type RunSummary = Omit<Run, "tasks" | "snapshot" | "params"> & { snapshotDigest: Digest };

export interface RunStore {
  /** The run with all its tasks and attempts as last written; undefined when there is none. */
  loadRun(id: RunId): Promise<Run | undefined>;
  /** The runs that have not ended, each as `loadRun` gives it, oldest first. */
  unfinishedRuns(): Promise<readonly Run[]>;
  /** The run that was created with this key, as long as it is kept. */
  runIdByKey(workflow: WorkflowId, key: string): Promise<RunId | undefined>;
  /** Ids that end with these characters, at most `limit`. */
  runIdsByEnding(ending: string, limit: number): Promise<readonly RunId[]>;
  listRuns(filter: RunFilter, page: PageRequest): Promise<Page<RunSummary>>;
  /** How many runs there are in each state that is not an end. */
  countUnfinished(): Promise<{ queued: number; running: number; waiting: number }>;
  history(id: RunId): Promise<readonly HistoryEntry[]>;
  /** Digests of the artifacts that stored runs refer to: large outputs, and recordings. */
  artifactsInUse(): Promise<readonly Digest[]>;
  /** Ended runs that retention may delete, oldest first: ended before `endedBefore`, or beyond the newest `keep`; the file of their proof is written. */
  expiredRuns(endedBefore: number, keep: number, limit: number): Promise<readonly { id: RunId; createdAt: number }[]>;
}

export interface RegistryStore {
  packages(): Promise<readonly PackageRecord[]>;
  package(digest: Digest): Promise<PackageRecord | undefined>;
  /** What admitted each package that was ever loaded. */
  admissions(): Promise<readonly AdmissionRecord[]>;
  /** The trust policy that holds, as it was last noted; null without one. */
  policyInForce(): Promise<PolicyInForce | null>;
  packageFiles(): Promise<readonly PackageFileRecord[]>;
  packageFile(location: FileLocation): Promise<PackageFileRecord | undefined>;
  workflows(): Promise<readonly WorkflowRecord[]>;
  snapshot(digest: Digest): Promise<SnapshotContent | undefined>;
  /** Digests of unloaded packages that no unfinished run needs and that were unloaded before the instant. */
  collectablePackages(unloadedBefore: number): Promise<readonly Digest[]>;
}

export interface ScheduleStore {
  /** All schedules, those of unloaded packages too. */
  schedules(): Promise<readonly Schedule[]>;
  /** Newest first. */
  firings(schedule: ScheduleId, limit: number): Promise<readonly Firing[]>;
  /** Those planned after `after`, up to and with `until`: the first ten thousand, oldest first. */
  firingsBetween(schedule: ScheduleId, after: number, until: number): Promise<readonly Firing[]>;
}

export interface ProofStore {
  proofHead(workflow: WorkflowId): Promise<ProofHead>;
  proof(run: RunId): Promise<StoredProof | undefined>;
  /** The newest run first. */
  listProofs(filter: { workflow?: WorkflowId }, page: PageRequest): Promise<Page<ProofSummary>>;
  /** The proof at a place of its workflow's chain. */
  proofByNumber(workflow: WorkflowId, runNumber: number): Promise<StoredProof | undefined>;
  /** The last proof of a workflow's chain whose statement is pruned; the chain's start when none is. */
  prunedEnd(workflow: WorkflowId): Promise<ProofHead>;
  /** Whether the run has a proof whose statement is pruned. */
  isPruned(run: RunId): Promise<boolean>;
  /** Those of the runs of which nothing is here: they are not unfinished, and have no proof, which outlives its run. */
  unknownRuns(runs: readonly RunId[]): Promise<readonly RunId[]>;
  /** A workflow's chain from a number on, in its order, without what is pruned. */
  proofsFrom(workflow: WorkflowId, runNumber: number, limit: number): Promise<readonly Proof[]>;
}

/** The order of the transparency log and what is known of the files made from it. */
export interface TlogStore {
  /** The log that goes on; undefined before the first one was opened. */
  tlog(): Promise<Tlog | undefined>;
  /** All logs, the one that goes on last. */
  tlogs(): Promise<readonly Tlog[]>;
  /** The largest signed head of a log. */
  lastHead(origin: string): Promise<TlogHead | undefined>;
  /** The first signed head of a log with at least this size: the one in the files of the statements it was the first to cover. */
  headOver(origin: string, size: number): Promise<TlogHead | undefined>;
  /** Zero when there is none. */
  lastStatementId(): Promise<number>;
  /** The oldest that is not pruned; zero when there is none. */
  firstStatementId(): Promise<number>;
  /** The oldest that is not signed yet; zero when there is none. */
  firstUnsignedId(): Promise<number>;
  /** The statements after `id`, in order. */
  statementsAfter(id: number, limit: number): Promise<readonly StoredStatement[]>;
  /** Statements by id; those that are not there are left out. */
  statements(ids: readonly number[]): Promise<readonly StoredStatement[]>;
  /** Files of statements with an id under `before`, newest first. */
  statementFiles(before: number, limit: number): Promise<readonly { id: number; file: string }[]>;
  /** Every file through this statement is in its place, except those of some; those through `synced` survive power loss. */
  writtenFiles(): Promise<{ through: number; synced: number; except: readonly number[] }>;
}

export interface AnchorStore {
  /** Of each anchor of a log: its largest anchored head, and what it has not finished. By name, then size. */
  anchors(origin: string): Promise<readonly AnchorRecord[]>;
  /** Of each anchor of a log: the first anchored head with at least this size. By name. */
  anchorsOver(origin: string, size: number): Promise<readonly AnchorRecord[]>;
}

/** One life of the daemon on this data folder. */
export interface Life {
  bootId: string;
  startedAt: number;
  /** Null while it lives, and for ever when it was killed. */
  endedAt: number | null;
}

export interface LifeStore {
  /** Records the start of a life; resolves to the former lives, newest first, at most ten. */
  beginLife(bootId: string, at: number): Promise<readonly Life[]>;
  endLife(bootId: string, at: number): Promise<void>;
  /** When the wall clock was set, in the order of what happened. */
  clockSteps(): Promise<readonly ClockStep[]>;
  /** Newest first. */
  audit(limit: number): Promise<readonly AuditEntry[]>;
  /**
   * Rejects with `STORE_CORRUPT` when the stored structure is damaged. `quick`: what every start asks for, and opening may have done
   * already. `full`: also whether indexes and tables tell the same; takes long. Other calls go on beside it.
   */
  checkIntegrity(depth: "quick" | "full"): Promise<void>;
  /** Calls back once, with the first `STORE_FAILED` or `STORE_CORRUPT` that a method rejects with: whoever asked, the daemon is to end. */
  onFailure(listener: (error: CascadeError) => void): void;
  /** Folds the write-ahead log back and shortens it. For quiet moments. */
  compact(): Promise<void>;
  /** Bytes that the store takes on disk. */
  size(): Promise<number>;
  close(): Promise<void>;
}
