import type { Json } from "../kernel/json.ts";
import type { CascadeEvent, EventName } from "../ports/events.ts";
import type {
  FiringView,
  LogChunkView,
  PackageDetailView,
  PackageView,
  PageView,
  ProofSummaryView,
  ProofView,
  ReplayView,
  RunSummaryView,
  RunView,
  RunWhyView,
  ScheduleView,
  StatusView,
  TlogView,
  UpcomingView,
  WorkflowDetailView,
  WorkflowView,
} from "./views.ts";

/**
 * What can be asked. Works on a living daemon, over its socket, and on the data folder of a stopped one: the command line
 * sees no difference. Names may be short while they are unique, ids may be any unique ending of six or more characters.
 */
export interface Queries {
  status(): Promise<StatusView>;
  packages(): Promise<readonly PackageView[]>;
  package(name: string, version: string | null): Promise<PackageDetailView>;
  workflows(): Promise<readonly WorkflowView[]>;
  workflow(name: string): Promise<WorkflowDetailView>;
  schedules(): Promise<readonly ScheduleView[]>;
  schedule(name: string): Promise<ScheduleView>;
  /** Newest first. */
  firings(schedule: string, limit: number): Promise<readonly FiringView[]>;
  /** What fires next, earliest first: of all schedules, of one, or of one workflow. Paused ones do not fire. */
  upcoming(filter: { schedule?: string; workflow?: string; limit: number }): Promise<readonly UpcomingView[]>;
  runs(filter: {
    state?: readonly string[];
    workflow?: string;
    limit: number;
    cursor: string | null;
  }): Promise<PageView<RunSummaryView>>;
  run(id: string): Promise<RunView>;
  why(id: string): Promise<RunWhyView>;
  /** The newest run first. */
  proofs(filter: { workflow?: string; limit: number; cursor: string | null }): Promise<PageView<ProofSummaryView>>;
  proof(run: string): Promise<ProofView>;
  /** The proof file's text. */
  proofFile(run: string): Promise<string>;
  tlog(): Promise<TlogView>;
  /**
   * The logs of a run's attempts from the given byte offsets on, by `task.attempt`; of one task when it is named. Asked
   * again with the offsets of the answer it goes on; an empty answer says that everything written so far was given.
   */
  logs(run: string, task: string | null, offsets: Readonly<Record<string, number>>): Promise<readonly LogChunkView[]>;
}

export interface StartRunRequest {
  workflow: string;
  /** `{}` when the caller gave none. */
  params: Json;
  key?: string | undefined;
}

export interface AnchorRequest {
  /** Null for all of them. */
  name: string | null;
  wait: boolean;
}

export interface ReplayRequest {
  /** One task; null for all. */
  task: string | null;
  /** A package that the daemon knows, `name` or `name@version`, whose code is executed instead; null for the run's own. */
  against: string | null;
  /** JSON pointers to what is left out of the comparison of outputs. */
  mask: readonly string[];
}

/** What can be done; only with a living daemon. */
export interface Commands {
  /** The run of an equal earlier request when the key was used before. Throws `PARAMS_INVALID`, `KEY_REUSED` and so on. */
  startRun(request: StartRunRequest): Promise<RunView>;
  /** All or none. */
  startRuns(requests: readonly StartRunRequest[]): Promise<readonly { id: string }[]>;
  cancelRun(id: string): Promise<RunView>;
  /** Executes an ended run again, beside the runs, and signs what came of it; resolves when that is durable. */
  replayRun(id: string, request: ReplayRequest): Promise<ReplayView>;
  pauseWorkflow(name: string): Promise<WorkflowDetailView>;
  resumeWorkflow(name: string): Promise<WorkflowDetailView>;
  pauseSchedule(id: string): Promise<ScheduleView>;
  resumeSchedule(id: string): Promise<ScheduleView>;
  /** Deletes its files from the watched folders. */
  removePackage(name: string, version: string | null): Promise<{ removed: readonly string[] }>;
  /**
   * Shows the newest head of the transparency log to an anchor, or to all of them. Resolves when that was begun; with `wait`, when
   * each has seen it or has failed once, which its view tells. Throws `ANCHOR_UNKNOWN`.
   */
  anchorTlog(request: AnchorRequest): Promise<TlogView>;
  /** Opens another transparency log in the place of one that cannot go on. Throws `TLOG_IS_FINE` when it can. */
  adoptTlog(): Promise<TlogView>;
  /** Applies the configuration as SIGHUP does. */
  reload(): Promise<{ generation: number; changed: readonly string[]; needRestart: readonly string[] }>;
  /** Drains and ends, as SIGTERM does; returns at once. */
  stop(): Promise<void>;
}

export type { CascadeEvent, EventName };

/** The one door for command line, HTTP and library. */
export interface Application extends Queries, Commands {
  /** Calls back for each event from now on; returns the function that ends it. */
  subscribe(listener: (event: CascadeEvent) => void): () => void;
}
