import { bundleText } from "../domain/bundle.ts";
import { proofFileName, startFileName } from "../domain/proof.ts";
import { isSigned } from "../domain/sealed-statement.ts";
import { isRunEnded, type Run, type RunId, type RunState, runStates } from "../domain/run.ts";
import type { Schedule } from "../domain/schedule.ts";
import type { Tlog } from "../domain/tlog.ts";
import { isoTime } from "../kernel/clock.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { Json } from "../kernel/json.ts";
import type { Anchor } from "../ports/anchor.ts";
import type { Calendar } from "../ports/calendar.ts";
import type { LogReader } from "../ports/log-sink.ts";
import type { ProofSink } from "../ports/proof-sink.ts";
import type {
  ProofStore,
  RegistryStore,
  RunFilter,
  RunStore,
  ScheduleStore,
  TlogStore,
  AnchorStore,
} from "../ports/store.ts";
import type { LogState } from "../proofs/prover.ts";
import type { Queries } from "./application.ts";
import { resolveName, resolvePastWorkflow, scheduleNames, workflowNames } from "./names.ts";
import {
  packageDetailView,
  packageViews,
  type RegistryFacts,
  workflowDetailView,
  workflowView,
} from "./registry-views.ts";
import { isRunId, resolveRunId, runUnknown } from "./run-ids.ts";
import { readRunLogs } from "./run-logs.ts";
import { runSummaryView, runView } from "./run-views.ts";
import { runWhyView, type WhyHold } from "./run-why.ts";
import { firingView, scheduleView } from "./schedule-views.ts";
import { startView } from "./start-view.ts";
import { tlogView } from "./tlog-views.ts";
import { upcomingFirings } from "./upcoming.ts";
import type { ProofSummaryView, ProofView, ScheduleView, StatusView } from "./views.ts";

export interface QuerySources {
  store: RunStore & RegistryStore & ScheduleStore & ProofStore & TlogStore & AnchorStore;
  logs: LogReader;
  proofs: Pick<ProofSink, "read">;
  calendar: Pick<Calendar, "next">;
  status(): Promise<StatusView>;
  /** Null without a daemon. */
  tlogState(): LogState | null;
  /** Those that are configured; none without a daemon. */
  anchors(): readonly Pick<Anchor, "name" | "kind">[];
  /** Why a run does not go on; without a daemon, that there is none. */
  holds(run: RunId): readonly WhyHold[];
}

/** The most items of one answer; a greater `limit` is taken as this. */
export const LIST_MAX = 1_000;

/** Answers from what is durable, so a living daemon and a stopped one's data folder give the same answers. */
export function createQueries(sources: QuerySources): Queries {
  const { store, logs, proofs } = sources;

  async function findRun(id: string): Promise<Run> {
    const run = await store.loadRun(await resolveRunId(store, id));
    if (!run) throw runUnknown(id);
    return run;
  }

  async function findProof(id: string) {
    const run = await resolveRunId(store, id);
    const found = await store.proof(run);
    if (found) return found;
    if (await store.isPruned(run)) throw new CascadeError("PROOF_PRUNED", `the proof of run ${run} was pruned`);
    const known = await store.loadRun(run);
    if (!known) throw runUnknown(id);
    const start = known.startDigest === null ? "" : `; its start is proofs/${startFileName(known)}`;
    throw new CascadeError("PROOF_UNKNOWN", `run ${run} is ${known.head.state} and has no proof${start}`);
  }

  async function placeInLog(statementId: number, logs: readonly Tlog[]): Promise<ProofView["tlog"]> {
    const log = logs.findLast(({ firstStatement }) => firstStatement <= statementId);
    if (!log) return null;
    const index = statementId - log.firstStatement;
    const head = await store.headOver(log.origin, index + 1);
    return head ? { origin: log.origin, index, size: head.size } : null;
  }

  async function registryFacts(): Promise<RegistryFacts> {
    const [files, packages, workflows] = await Promise.all([store.packageFiles(), store.packages(), store.workflows()]);
    return { files, packages, workflows };
  }

  const presentWorkflows = async () => (await store.workflows()).filter(({ present }) => present);
  const presentSchedules = async () => (await store.schedules()).filter(({ present }) => present);

  async function viewOf(schedule: Schedule): Promise<ScheduleView> {
    const [lastFiring] = await store.firings(schedule.id, 1);
    return scheduleView(schedule, lastFiring);
  }

  return {
    status: () => sources.status(),

    async packages() {
      return packageViews(await registryFacts());
    },
    async package(name, version) {
      const facts = await registryFacts();
      const versions = facts.packages.filter(
        ({ identity }) => identity.name === name && (version === null || identity.version === version),
      );
      const views = versions.map((record) => packageDetailView(record, facts));
      const found = views.find(({ active }) => active) ?? views.find(({ state }) => state === "loaded") ?? views.at(-1);
      if (found) return found;
      throw packageUnknown(name, version, facts);
    },

    async workflows() {
      const schedules = await presentSchedules();
      return (await presentWorkflows()).map((record) =>
        workflowView(
          record,
          schedules.filter(({ workflow }) => workflow === record.id),
        ),
      );
    },
    async workflow(name) {
      const records = await presentWorkflows();
      const ids = records.map(({ id }) => id);
      const id = resolveName(name, ids, workflowNames);
      const schedules = (await presentSchedules()).filter(({ workflow }) => workflow === id);
      return workflowDetailView(records[ids.indexOf(id)]!, schedules, await Promise.all(schedules.map(viewOf)));
    },

    async schedules() {
      return Promise.all((await presentSchedules()).map(viewOf));
    },
    async schedule(name) {
      const schedules = await presentSchedules();
      const ids = schedules.map(({ id }) => id);
      return viewOf(schedules[ids.indexOf(resolveName(name, ids, scheduleNames))]!);
    },
    async firings(name, limit) {
      const ids = (await store.schedules()).map(({ id }) => id);
      const firings = await store.firings(resolveName(name, ids, scheduleNames), atMost(limit));
      return firings.map(firingView);
    },
    async upcoming({ schedule, workflow, limit }) {
      const records = await presentWorkflows();
      const paused = new Set(records.filter(({ pausedAt }) => pausedAt !== null).map(({ id }) => id));
      let schedules = await presentSchedules();
      if (schedule !== undefined) {
        const ids = schedules.map(({ id }) => id);
        const id = resolveName(schedule, ids, scheduleNames);
        schedules = schedules.filter((candidate) => candidate.id === id);
      }
      if (workflow !== undefined) {
        const ids = records.map(({ id }) => id);
        const id = resolveName(workflow, ids, workflowNames);
        schedules = schedules.filter((candidate) => candidate.workflow === id);
      }
      return upcomingFirings(
        schedules.filter((candidate) => candidate.state === "active" && !paused.has(candidate.workflow)),
        sources.calendar,
        atMost(limit),
      );
    },

    async runs({ state, workflow, limit, cursor }) {
      checkCursor(cursor, isRunId);
      const filter: RunFilter = {};
      if (state && state.length > 0) filter.state = state.map(runState);
      if (workflow !== undefined) filter.workflow = resolvePastWorkflow(workflow, await store.workflows());
      const page = await store.listRuns(filter, { limit: atMost(limit), cursor });
      return { items: page.items.map(runSummaryView), nextCursor: page.nextCursor };
    },
    async run(id) {
      return runView(await findRun(id));
    },
    async why(id) {
      const run = await findRun(id);
      const holds = isRunEnded(run.head.state) ? [] : sources.holds(run.id);
      return runWhyView(run, holds, await store.history(run.id));
    },

    async proofs({ workflow, limit, cursor }) {
      checkCursor(cursor, workflow === undefined ? isRunId : isRunNumber);
      const filter = workflow === undefined ? {} : { workflow: resolvePastWorkflow(workflow, await store.workflows()) };
      const page = await store.listProofs(filter, { limit: atMost(limit), cursor });
      const logs = await store.tlogs();
      const items = page.items.map(async (item): Promise<ProofSummaryView> => {
        const { runId, workflow: of, runNumber, state, digest, endedAt, statementId } = item;
        const place = await placeInLog(statementId, logs);
        return {
          runId,
          workflow: of,
          runNumber,
          state,
          digest,
          endedAt: isoTime(endedAt),
          index: place?.index ?? null,
        };
      });
      return { items: await Promise.all(items), nextCursor: page.nextCursor };
    },
    async proof(id): Promise<ProofView> {
      const { proof, state, statementId } = await findProof(id);
      return {
        runId: proof.runId,
        workflow: proof.workflow,
        runNumber: proof.runNumber,
        state,
        digest: proof.digest,
        previousProof: proof.previousProof,
        keyId: proof.keyId,
        signed: isSigned(proof),
        file: `proofs/${proofFileName(proof)}`,
        tlog: await placeInLog(statementId, await store.tlogs()),
        start: await startView(proof.statement, proofs),
        statement: JSON.parse(proof.statement) as Json,
      };
    },
    async proofFile(id) {
      const { proof } = await findProof(id);
      if (!isSigned(proof)) {
        throw new CascadeError("PROOF_NOT_SIGNED", `the statement of run ${proof.runId} is not signed yet`);
      }
      // While its place in the log is not signed yet, what is signed is known and has a file without that place.
      return (await proofs.read(proofFileName(proof))) ?? bundleText({ ...proof, entry: null });
    },

    tlog: () => tlogView(store, sources.tlogState(), sources.anchors()),

    async logs(id, task, offsets) {
      return readRunLogs(await findRun(id), task, offsets, logs);
    },
  };
}

/** Cursors are what lists go on after; docs/api.md promises nothing of their form. */
function checkCursor(cursor: string | null, isKnown: (cursor: string) => boolean): void {
  if (cursor === null || isKnown(cursor)) return;
  throw new CascadeError("CURSOR_INVALID", `${JSON.stringify(cursor.slice(0, 80))} is no cursor of this list`);
}

const isRunNumber = (text: string) => /^\d{1,15}$/.test(text);

function runState(text: string): RunState {
  const state = runStates.find((known) => known === text);
  if (state) return state;
  throw new CascadeError("USAGE", `${text} is not a state of a run`, { hint: `States: ${runStates.join(", ")}.` });
}

function atMost(limit: number): number {
  return Math.min(Math.max(1, Math.trunc(limit)), LIST_MAX);
}

function packageUnknown(name: string, version: string | null, facts: RegistryFacts): CascadeError {
  const rejected = facts.files.find((file) => file.state === "rejected" && file.package?.name === name);
  const wanted = version === null ? name : `${name} ${version}`;
  return new CascadeError(
    "PACKAGE_UNKNOWN",
    rejected?.error
      ? `package ${wanted} is not loaded; ${rejected.location.name} was rejected: ${rejected.error.message}`
      : `there is no package ${wanted}`,
  );
}
