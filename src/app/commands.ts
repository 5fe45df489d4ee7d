import type { Verdict } from "../domain/change.ts";
import type { Run, RunId } from "../domain/run.ts";
import { filePath } from "../domain/serving.ts";
import type { ScheduleId, WorkflowId } from "../domain/workflow.ts";
import type { Engine } from "../engine/engine.ts";
import type { Clock } from "../kernel/clock.ts";
import { CascadeError, type Problem } from "../kernel/errors.ts";
import type { RegistryStore, RunStore } from "../ports/store.ts";
import type { RemovalReport } from "../registry/removal.ts";
import type { AnchorRequest, Commands, Queries } from "./application.ts";
import type { LiveWorkflows } from "./live-workflows.ts";
import type { ParamsCheck } from "./params.ts";
import { resolveRunId } from "./run-ids.ts";
import { createRunStarter } from "./start-runs.ts";

/** Pauses and resumes a schedule by its identity; resolves when it is durable. A resumed one counts from now. */
export interface ScheduleControl {
  pause(schedule: ScheduleId): Promise<void>;
  resume(schedule: ScheduleId): Promise<void>;
}

export interface CommandTargets {
  queries: Queries;
  store: Pick<RunStore, "loadRun" | "runIdByKey" | "runIdsByEnding"> & Pick<RegistryStore, "workflows">;
  engine: Pick<Engine, "startRuns" | "cancel" | "setPaused" | "submit">;
  live: LiveWorkflows;
  params: ParamsCheck;
  schedules: ScheduleControl;
  registry: { removePackage(name: string, version?: string): Promise<RemovalReport> };
  anchorTlog(request: AnchorRequest): Promise<void>;
  /** Opens another transparency log when the present one cannot go on. */
  adoptTlog(): Promise<void>;
  replay: Commands["replayRun"];
  reload: Commands["reload"];
  /** Begins to drain; returns at once. */
  stop(): void;
  clock: Pick<Clock, "now">;
}

/** The audit fact of a request to remove a package; its subject is the name. */
export const PACKAGE_REMOVED = "package.removed";

export function createCommands(targets: CommandTargets): Commands {
  const { queries, engine, clock } = targets;
  const starter = createRunStarter(targets);

  async function setPaused(name: string, paused: boolean) {
    const workflow = await queries.workflow(name);
    if (workflow.paused !== paused) {
      await writePause(workflow.id, paused);
      engine.setPaused(workflow.id, paused);
    }
    return queries.workflow(workflow.id);
  }

  async function writePause(workflow: WorkflowId, paused: boolean): Promise<void> {
    const at = clock.now();
    const audit = { at, name: paused ? "workflow.paused" : "workflow.resumed", subject: workflow, data: null };
    const pausedAt = paused ? at : null;
    assertWritten(await engine.submit({ type: "pause_workflow", workflow, pausedAt, audit }), workflow);
  }

  return {
    startRun: (request) => starter.startRun(request),
    startRuns: (requests) => starter.startRuns(requests),

    async cancelRun(id) {
      const run = await resolveRunId(targets.store, id);
      if (!(await engine.cancel(run, "user"))) throw await cannotCancel(run, targets.store);
      return queries.run(run);
    },

    replayRun: (id, request) => targets.replay(id, request),

    pauseWorkflow: (name) => setPaused(name, true),
    resumeWorkflow: (name) => setPaused(name, false),

    async pauseSchedule(name) {
      const { id, state } = await queries.schedule(name);
      if (state === "active") await targets.schedules.pause(id);
      return queries.schedule(id);
    },
    async resumeSchedule(name) {
      const { id, state } = await queries.schedule(name);
      if (state === "paused") await targets.schedules.resume(id);
      return queries.schedule(id);
    },

    async removePackage(name, version) {
      const report = await targets.registry.removePackage(name, version ?? undefined);
      const removed = report.removed.map(filePath);
      if (report.refused.length > 0) throw cannotRemove(report, removed);
      // Drift tells a package that was taken away on purpose from one that is missing.
      const entry = { at: clock.now(), name: PACKAGE_REMOVED, subject: name, data: { version } };
      await engine.submit({ type: "audit", entries: [entry] });
      return { removed };
    },

    async anchorTlog(request) {
      await targets.anchorTlog(request);
      return queries.tlog();
    },
    async adoptTlog() {
      const { state, origin } = await queries.tlog();
      if (state !== "refused") throw new CascadeError("TLOG_IS_FINE", `the transparency log ${origin} is ${state}`);
      await targets.adoptTlog();
      return queries.tlog();
    },
    reload: () => targets.reload(),
    async stop() {
      targets.stop();
    },
  };
}

function assertWritten(verdict: Verdict, workflow: WorkflowId): void {
  if (verdict.ok) return;
  if (verdict.refusal === "missing") throw new CascadeError("WORKFLOW_UNKNOWN", `there is no workflow ${workflow}`);
  throw new CascadeError("INTERNAL", `the store refused to write: ${verdict.message}`);
}

async function cannotCancel(id: RunId, store: Pick<RunStore, "loadRun">): Promise<CascadeError> {
  const run: Run | undefined = await store.loadRun(id);
  if (!run) return new CascadeError("RUN_UNKNOWN", `there is no run ${id}`);
  return new CascadeError("RUN_ENDED", `run ${id} has ended: ${run.head.state}`);
}

function cannotRemove({ refused }: RemovalReport, removed: readonly string[]): CascadeError {
  const problems = refused.map(({ location, error }): Problem => ({
    ...error,
    code: "PERMISSION",
    place: filePath(location),
  }));
  const files = problems.map(({ place }) => place).join(", ");
  return new CascadeError("PERMISSION", `these files could not be deleted: ${files}`, {
    problems,
    hint: "Delete them yourself, with the rights that each line names; the package unloads when its files are gone.",
    details: { removed },
  });
}
