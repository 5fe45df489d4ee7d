import type { Run, RunId } from "../domain/run.ts";
import type { WorkflowId } from "../domain/workflow.ts";
import type { Engine, StartRun } from "../engine/engine.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";
import type { Clock } from "../kernel/clock.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { RegistryStore, RunStore } from "../ports/store.ts";
import type { Commands, StartRunRequest } from "./application.ts";
import type { LiveWorkflows } from "./live-workflows.ts";
import { resolveName, workflowNames } from "./names.ts";
import type { GivenParams, ParamsCheck } from "./params.ts";
import { runView } from "./run-views.ts";

/** Runs of one request; each is written in the same durable step. */
const BATCH_MAX = 10_000;
const KEY_MAX = 255;
/** A key that was free and is taken at the write is looked up again; it cannot come free in between. */
const TURNS_MAX = 3;

interface Sources {
  store: Pick<RunStore, "loadRun" | "runIdByKey"> & Pick<RegistryStore, "workflows">;
  engine: Pick<Engine, "startRuns">;
  live: LiveWorkflows;
  params: ParamsCheck;
  clock: Pick<Clock, "now">;
}

/** A request that names an earlier run by its key, or one that still has to become a run. */
type Resolved = { kind: "known"; run: Run } | { kind: "new"; start: Omit<StartRun, "params">; given: GivenParams };

/** Turns requests into runs, each key into one run. */
export function createRunStarter(sources: Sources): Pick<Commands, "startRun" | "startRuns"> {
  const { store, engine, live, clock, params } = sources;

  async function identify(name: string): Promise<WorkflowId> {
    try {
      return resolveName(name, live.ids(), workflowNames);
    } catch {
      // A package may have been loaded a moment ago: what is durable decides.
      await live.load();
      return resolveName(name, live.ids(), workflowNames);
    }
  }

  async function knownRun(workflow: WorkflowId, key: string, given: string): Promise<Run | undefined> {
    const id = await store.runIdByKey(workflow, key);
    const run = id === undefined ? undefined : await store.loadRun(id);
    if (run && run.params !== given) throw keyReused(key, run.id);
    return run;
  }

  async function resolve(request: StartRunRequest, plannedAt: number, place: string): Promise<Resolved> {
    const workflow = await identify(request.workflow);
    const key = checkedKey(request.key);
    if (key !== null) {
      const run = await knownRun(workflow, key, canonicalJson(request.params));
      if (run) return { kind: "known", run };
    }
    const snapshot = live.snapshot(workflow);
    if (!snapshot) throw new CascadeError("WORKFLOW_UNKNOWN", `workflow ${workflow} was unloaded a moment ago`);
    const start = { snapshot, trigger: { kind: "manual" }, key, plannedAt } as const;
    return { kind: "new", start, given: { snapshot, params: request.params, place } };
  }

  /** Undefined when another request took one of the keys meanwhile: everything is to be looked up again. */
  async function create(starts: readonly StartRun[]): Promise<readonly Run[] | undefined> {
    if (starts.length === 0) return [];
    const { verdict, runs } = await engine.startRuns(starts);
    if (verdict.ok) return runs;
    if (verdict.refusal === "exists") return undefined;
    throw new CascadeError("INTERNAL", `the store refused the new runs: ${verdict.message}`);
  }

  async function startAll(requests: readonly StartRunRequest[], placeOf: (index: number) => string): Promise<Run[]> {
    const plannedAt = clock.now();
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      const resolved: Resolved[] = [];
      for (const [index, request] of requests.entries()) {
        resolved.push(await resolve(request, plannedAt, placeOf(index)));
      }
      const fresh = resolved.flatMap((one) => (one.kind === "new" ? [one] : []));
      const texts = await params.check(fresh.map(({ given }) => given));
      const batch = distinct(fresh.map(({ start }, index) => ({ ...start, params: texts[index]! })));
      const created = await create(batch.starts);
      if (!created) continue;
      let position = 0;
      return resolved.map((one) => (one.kind === "known" ? one.run : created[batch.places[position++]!]!));
    }
    throw new CascadeError("INTERNAL", "the keys of these runs are taken and cannot be found");
  }

  return {
    async startRun(request) {
      const [run] = await startAll([request], () => "");
      return runView(run!);
    },
    async startRuns(requests) {
      if (requests.length === 0 || requests.length > BATCH_MAX) {
        throw new CascadeError("USAGE", `a batch holds 1 to ${BATCH_MAX} runs, not ${requests.length}`);
      }
      const runs = await startAll(requests, (index) => `/runs/${index}/params`);
      return runs.map(({ id }): { id: RunId } => ({ id }));
    },
  };
}

/** Requests of one batch that bear one key are one run: `places` tells for each request which. */
function distinct(requested: readonly StartRun[]): { starts: StartRun[]; places: number[] } {
  const starts: StartRun[] = [];
  const byKey = new Map<string, number>();
  const places = requested.map((start) => {
    const identity = `${start.snapshot.package.name}/${start.snapshot.definition.name}`;
    const known = start.key === null ? undefined : byKey.get(`${identity} ${start.key}`);
    if (known !== undefined) {
      if (starts[known]!.params !== start.params) throw keyReused(start.key!, null);
      return known;
    }
    if (start.key !== null) byKey.set(`${identity} ${start.key}`, starts.length);
    return starts.push(start) - 1;
  });
  return { starts, places };
}

function checkedKey(key: string | undefined): string | null {
  if (key === undefined) return null;
  if (key !== "" && key.length <= KEY_MAX) return key;
  throw new CascadeError("USAGE", `a key has 1 to ${KEY_MAX} characters`);
}

function keyReused(key: string, run: RunId | null): CascadeError {
  return new CascadeError(
    "KEY_REUSED",
    run === null
      ? `the key ${key} is used twice with different params`
      : `the key ${key} belongs to run ${run}, which has other params`,
    run === null ? {} : { details: { runId: run } },
  );
}
