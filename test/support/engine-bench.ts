import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createEngine, type EngineOptions } from "../../src/engine/create-engine.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { onTestFinished } from "vitest";
import { openStore } from "../../src/adapters/sqlite/store.ts";
import type { RegistryChange } from "../../src/domain/registry.ts";
import type { Run, RunId } from "../../src/domain/run.ts";
import type { Snapshot } from "../../src/domain/snapshot.ts";
import { canonicalJson } from "../../src/kernel/canonical-json.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { createIds } from "../../src/kernel/ids.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { CascadeEvent } from "../../src/ports/events.ts";
import type { Store } from "../../src/ports/store.ts";
import type { TaskHost } from "../../src/ports/task-host.ts";
import { workflowId } from "../../src/domain/workflow.ts";
import { eventually } from "./eventually.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";
import { createInProcessHost, type InProcessHost, type InProcessHostOptions } from "./in-process-host.ts";

export interface EngineBench {
  /** Where its database is. */
  folder: string;
  engine: Engine;
  store: Store;
  host: InProcessHost;
  clock: FakeClock;
  events: CascadeEvent[];
  ended: RunId[];
  /** Runs that the engine said are stored with the statement of their start. */
  started: RunId[];
  /** Starts one run and returns its id. */
  begin(snapshot: Snapshot, change?: Partial<Parameters<Engine["startRuns"]>[0][number]>): Promise<RunId>;
  /** Waits until the store says that the run has ended. */
  end(id: RunId): Promise<Run>;
  read(id: RunId): Promise<Run>;
}

/** An engine over real SQLite in `folder`, with a fake clock and tasks that run in this process. It goes with its test. */
export async function engineBench(
  folder: string,
  tasks: InProcessHostOptions["tasks"],
  change: {
    host?: Partial<InProcessHostOptions>;
    wrapStore?: (store: Store) => Store;
    wrapHost?: (host: TaskHost) => TaskHost;
    clock?: FakeClock;
    options?: Partial<EngineOptions>;
    snapshots?: readonly Snapshot[];
  } = {},
): Promise<EngineBench> {
  const clock = change.clock ?? createFakeClock();
  const opened = openStore({ file: join(folder, "cascade.db"), now: clock.now(), crashPoint: noCrashPoint });
  const store = change.wrapStore?.(opened) ?? opened;
  const host = createInProcessHost({ tasks, clock, ...change.host });
  const events: CascadeEvent[] = [];
  const ended: RunId[] = [];
  const started: RunId[] = [];
  const engine = createEngine({
    store,
    host: change.wrapHost?.(host) ?? host,
    clock,
    ids: createIds(clock.now, randomBytes),
    random: () => 0.5,
    sealRun: unsignedProof,
    sealStart: unsignedStart,
    events: { publish: (event) => void events.push(event), subscribe: () => () => {} },
    logger: silentLogger,
    crashPoint: noCrashPoint,
    taskTimeoutMs: 3_600_000,
    killAfterMs: 5_000,
    onRunEnded: (run) => void ended.push(run.id),
    onStartLogged: (run) => void started.push(run.id),
    onFatal: (error) => {
      throw error;
    },
    ...change.options,
  });
  await storeSnapshots(opened, change.snapshots ?? []);
  const bootId = randomBytes(8).toString("hex");
  await engine.start(await opened.beginLife(bootId, clock.now()));
  onTestFinished(async () => {
    const stopping = engine.stop();
    await clock.advance(10_000);
    await stopping;
    await opened.close();
  });
  const read = async (id: RunId) => (await opened.loadRun(id))!;
  return {
    folder,
    engine,
    store: opened,
    host,
    clock,
    events,
    ended,
    started,
    async begin(snapshot, request = {}) {
      await storeSnapshots(opened, [snapshot]);
      const { verdict, runs } = await engine.startRuns([
        { snapshot, params: "{}", trigger: { kind: "manual" }, key: null, plannedAt: clock.now(), ...request },
      ]);
      if (!verdict.ok) throw new Error(verdict.message);
      return runs[0]!.id;
    },
    read,
    async end(id) {
      return eventually(async () => {
        const run = await read(id);
        return run.head.endedAt !== null && run;
      });
    },
  };
}

/** Puts definitions where a loaded package would have put them. */
async function storeSnapshots(store: Store, snapshots: readonly Snapshot[]): Promise<void> {
  const byPackage = new Map<string, Snapshot[]>();
  for (const snapshot of snapshots) {
    byPackage.set(snapshot.package.name, [...(byPackage.get(snapshot.package.name) ?? []), snapshot]);
  }
  for (const [name, served] of byPackage) {
    const workflows = served.map(({ package: identity, env, definition, code, digest }) => ({
      id: workflowId(identity.name, definition.name),
      snapshot: digest,
      content: { package: identity, env, definition, code },
      present: true,
      pausedAt: null,
    }));
    const active = served[0]!.package;
    const change: RegistryChange = {
      at: 0,
      files: [],
      gone: [],
      statements: [],
      packages: [],
      served: [{ name, active, workflows, schedules: [] }],
    };
    await store.commit([{ type: "registry", change, audit: [] }]);
  }
}

/** A proof in its place of the chain, whose signature nobody checks here. */
const unsignedProof: EngineOptions["sealRun"] = async (run, { runNumber, previousProof }) => {
  const { startDigest: start, head } = run;
  const statement = canonicalJson({ run: run.id, state: head.state, runNumber, previousProof, start });
  const { id: runId, workflow } = run;
  const endedAt = run.head.endedAt ?? 0;
  return {
    runId,
    workflow,
    runNumber,
    previousProof,
    statement,
    digest: sha256(statement),
    signature: "c2ln",
    keyId: "",
    endedAt,
  };
};

const unsignedStart: EngineOptions["sealStart"] = async (run) => {
  const statement = canonicalJson({ started: run.id });
  return { statement, digest: sha256(statement), signature: "", keyId: "" };
};
