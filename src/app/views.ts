/** The JSON that leaves the daemon. Times are ISO-8601 in UTC, durations end in `Ms`. Public: changed only by adding. */
import type { DriftKind, DriftResult } from "../domain/drift.ts";
import type { ReplayResult, TaskReplay } from "../domain/replay.ts";
import type { ReplayIsolation } from "../domain/replay-statement.ts";
import type { Json } from "../kernel/json.ts";
import type { ErrorView } from "../kernel/errors.ts";

export interface AttemptView {
  number: number;
  outcome: string | null;
  startedAt: string;
  endedAt: string | null;
  durationMs: number | null;
  exitCode: number | null;
  /** Digest of what it read, for a replay; null unless its workflow is recorded. */
  recording: string | null;
  error: (ErrorView & { stack?: string }) | null;
}

export interface TaskRunView {
  id: string;
  state: string;
  after: readonly string[];
  attempts: readonly AttemptView[];
  /** While waiting: when it becomes ready. */
  readyAt: string | null;
  /** The output as JSON, or `{"digest", "size"}` of the artifact that holds it. */
  output: Json;
  error: ErrorView | null;
}

export interface RunSummaryView {
  id: string;
  workflow: string;
  package: string;
  version: string;
  digest: string;
  state: string;
  trigger: Json;
  key: string | null;
  plannedAt: string;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
  durationMs: number | null;
  error: ErrorView | null;
}

export interface RunView extends RunSummaryView {
  params: Json;
  cancel: { at: string; reason: string } | null;
  tasks: readonly TaskRunView[];
}

/** What came of executing a run again: the words are those of docs/replay.md. */
export interface ReplayView {
  run: string;
  workflow: string;
  /** Digest of the statement about the run. */
  proof: string;
  /** The package whose code was executed instead of the run's own. */
  against: { name: string; version: string; digest: string } | null;
  mask: readonly string[];
  isolation: ReplayIsolation;
  result: ReplayResult;
  startedAt: string;
  finishedAt: string;
  tasks: readonly TaskReplay[];
  /** Null when nothing was signed, because no daemon ran it. `file` is below `proofs/`. */
  statement: { digest: string; file: string } | null;
}

/** Why a run is where it is: what holds it, and its history. */
export interface RunWhyView {
  id: string;
  state: string;
  /** One sentence. */
  summary: string;
  holds: readonly { kind: string; task: string | null; message: string }[];
  history: readonly { at: string; name: string; task: string | null; attempt: number | null; detail: string | null }[];
}

export interface PackageView {
  name: string | null;
  version: string | null;
  digest: string | null;
  state: string;
  /** The version that new runs take. */
  active: boolean;
  file: string | null;
  loadedAt: string | null;
  error: ErrorView | null;
}

export interface PackageDetailView extends PackageView {
  /** Digest of the statement that it was admitted under the trust policy; null without a policy. */
  admission: string | null;
  /** Ids of the keys whose signatures counted; empty for a package that was let in unsigned. */
  signers: readonly string[];
  description: string;
  env: readonly string[];
  workflows: readonly string[];
  files: readonly { path: string; size: number; sha256: string }[];
}

export interface WorkflowView {
  id: string;
  name: string;
  package: string;
  version: string;
  digest: string;
  description: string;
  paused: boolean;
  tasks: number;
  schedules: number;
  nextAt: string | null;
}

export interface WorkflowDetailView extends Omit<WorkflowView, "tasks" | "schedules"> {
  params: Json;
  timeoutMs: number | null;
  concurrency: number | null;
  tasks: readonly Json[];
  schedules: readonly ScheduleView[];
}

export interface ScheduleView {
  id: string;
  workflow: string;
  name: string;
  cron: string;
  timezone: string;
  state: string;
  params: Json;
  catchUp: string;
  overlap: string;
  nextAt: string | null;
  lastFiring: FiringView | null;
}

export interface FiringView {
  plannedAt: string;
  decidedAt: string;
  decision: string;
  runId: string | null;
  late: boolean;
  reason: string | null;
  count: number;
}

/** A planned instant that lies ahead. */
export interface UpcomingView {
  plannedAt: string;
  schedule: string;
  workflow: string;
}

export interface StatusView {
  state: string;
  version: string;
  pid: number | null;
  startedAt: string | null;
  dataDir: string;
  watch: readonly { dir: string; ok: boolean; error: ErrorView | null }[];
  packages: { loaded: number; rejected: number };
  runs: { queued: number; running: number; waiting: number };
  config: { generation: number; error: ErrorView | null };
  /** `opening`, `signing`, `waiting`, `refused`; `stopped` when no daemon is running. */
  tlog: { state: string; error: ErrorView | null };
  /**
   * By what the descendants of an attempt are found and ended: `cgroup`, which nothing leaves, or `group`: process group, tree
   * and marker. Null when no daemon is running.
   */
  containment: "cgroup" | "group" | null;
  /** What needs a look: storage full, disk low, rejected packages, folders that cannot be read. */
  warnings: readonly string[];
}

/** The transparency log of a data folder. */
export interface TlogView {
  /** `opening`, `signing`, `waiting` for the signer, `refused`; `stopped` when no daemon is running. */
  state: string;
  /** Why nothing is signed. */
  error: ErrorView | null;
  origin: string | null;
  /** Its public key, see https://c2sp.org/signed-note. */
  vkey: string | null;
  openedAt: string | null;
  /** Leaves in its last signed head. */
  size: number;
  /** Leaves below it are pruned. */
  minimumIndex: number;
  /** Statements that are stored and not in a signed head yet. */
  waiting: number;
  /** The logs that it took the place of, oldest first. */
  former: readonly { origin: string; vkey: string; size: number }[];
  /** Who is shown its heads, by name. */
  anchors: readonly AnchorView[];
}

export interface AnchorView {
  name: string;
  /** `exec`, `tsa`, `witness`, `rekor` or `evm`. */
  kind: string;
  /** `anchored`, `pending`, `failed`; `waiting` before the first head. */
  state: string;
  /** Leaves of the newest head that it has seen. */
  size: number;
  anchoredAt: string | null;
  /** Leaves that it has not seen. */
  lag: number;
  /** Tries that failed since the last success. */
  attempts: number;
  /** Of the next try, or look. */
  nextAt: string | null;
  /** The file of the receipt in the data folder. */
  receipt: string | null;
  /** Why the last try failed. */
  error: string | null;
}

/** A proof in a list. */
export interface ProofSummaryView {
  runId: string;
  workflow: string;
  runNumber: number;
  state: string;
  digest: string;
  endedAt: string;
  /** Of its leaf in its transparency log; null while it is in no signed head. */
  index: number | null;
}

export interface ProofView {
  runId: string;
  workflow: string;
  runNumber: number;
  state: string;
  digest: string;
  previousProof: string | null;
  keyId: string;
  /** False while its statement waits for the signer. */
  signed: boolean;
  file: string;
  /** Its leaf in the transparency log and the signed head in its file; null while there is none. */
  tlog: { origin: string; index: number; size: number } | null;
  /** The statement that the run was started; null where its workflow does not log that. */
  start: StartView | null;
  statement: Json;
}

export interface StartView {
  digest: string;
  file: string;
  /** Of its leaf, as its file says; null while there is none. */
  index: number | null;
}

export interface DriftFindingView {
  kind: DriftKind;
  subject: string;
  message: string;
  /** Of a schema: whether what was taken is taken still. */
  compatible?: boolean;
  /** What was held against what; null for a check of one thing. */
  between: { before: string; after: string } | null;
}

export interface DriftView {
  result: DriftResult;
  findings: readonly DriftFindingView[];
  /** What cannot be told, and why. */
  unknown: readonly DriftFindingView[];
}

/** An answer about logs ends after the chunk that passes this many bytes; what is left comes with the next request. */
export const LOG_ANSWER_BYTES = 4 * 1024 * 1024;

export interface LogChunkView {
  task: string;
  attempt: number;
  text: string;
  /** Byte offset to read on from. */
  nextOffset: number;
  /** The attempt has ended and everything kept of it is in this and earlier chunks. */
  complete: boolean;
}

export interface PageView<Item> {
  items: readonly Item[];
  nextCursor: string | null;
}
