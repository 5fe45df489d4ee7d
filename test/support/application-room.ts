import type { Application } from "../../src/app/application.ts";
import { createCommands } from "../../src/app/commands.ts";
import { createEventBus } from "../../src/app/event-bus.ts";
import { createLiveWorkflows, type LiveWorkflows } from "../../src/app/live-workflows.ts";
import { createParamsCheck } from "../../src/app/params.ts";
import { createReplays } from "../../src/app/replays.ts";
import { createQueries } from "../../src/app/queries.ts";
import { createCalendar } from "../../src/adapters/time/calendar.ts";
import type { PackageFileRecord, PackageRecord, ServedPackage } from "../../src/domain/registry.ts";
import type { Schedule } from "../../src/domain/schedule.ts";
import { type Snapshot, snapshotOf } from "../../src/domain/snapshot.ts";
import type { JsonSchema } from "../../src/domain/workflow.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { CascadeError } from "../../src/kernel/errors.ts";
import type { LogState } from "../../src/proofs/prover.ts";
import type { RemovalReport } from "../../src/registry/removal.ts";
import { definition, task } from "./definitions.ts";
import { statementFacts } from "./ended-run.ts";
import { type EngineBench, engineBench } from "./engine-bench.ts";
import type { InProcessHostOptions } from "./in-process-host.ts";
import { createMemoryProofSink } from "./memory-proof-sink.ts";
import { tempFolder } from "./temp-folder.ts";
import { testChecks } from "./checks.ts";
import { createTestSigner } from "./test-signer.ts";
import { tinyPackage } from "./tiny-package.ts";

export interface ApplicationRoom {
  application: Application;
  /** The data folder, with `cascade.db` in it. */
  folder: string;
  bench: EngineBench;
  live: LiveWorkflows;
  /** Logs that the application reads, by `task.attempt`. */
  logs: Map<string, string>;
  /** What removing a package answers. */
  removal: { report: RemovalReport };
  /** How often the daemon was told to stop. */
  stops: number;
  /** How the transparency log is doing. */
  tlog: LogState;
  serve(served: ServedPackage, records?: { packages?: PackageRecord[]; files?: PackageFileRecord[] }): Promise<void>;
}

/** A definition of the workflow `name` in a package of its own digest, with a chain of tasks. */
export function workflowIn(
  packageName: string,
  name: string,
  options: {
    version?: string;
    params?: JsonSchema;
    tasks?: readonly string[];
    concurrency?: number;
    logStart?: true;
  } = {},
): Snapshot {
  const { version = "1.0.0", tasks = ["a"], logStart } = options;
  return snapshotOf({
    package: { name: packageName, version, digest: sha256(`${packageName} ${version}`) },
    env: [],
    definition: definition(
      tasks.map((each, index) => task(each, index === 0 ? {} : { after: [tasks[index - 1]!] })),
      {
        name,
        params: options.params ?? null,
        concurrency: options.concurrency ?? null,
        ...(logStart ? { logStart } : {}),
      },
    ),
    code: {},
  });
}

export function servedBy(snapshots: readonly Snapshot[], schedules: readonly Schedule[] = []): ServedPackage {
  const identity = snapshots[0]!.package;
  return {
    name: identity.name,
    active: identity,
    workflows: snapshots.map(({ package: held, env, definition: content, code, digest }) => ({
      id: `${held.name}/${content.name}`,
      snapshot: digest,
      content: { package: held, env, definition: content, code },
      present: true,
      pausedAt: null,
    })),
    schedules,
  };
}

/** The application over real SQLite and the real engine, with tasks that run in this process. It goes with its test. */
export async function applicationRoom(tasks: InProcessHostOptions["tasks"] = { a: () => 1 }): Promise<ApplicationRoom> {
  const bus = createEventBus();
  const folder = tempFolder();
  const bench = await engineBench(folder, tasks, { options: { events: bus } });
  const { store, engine, clock } = bench;
  const live = createLiveWorkflows(store);
  const logs = new Map<string, string>();
  const removal: ApplicationRoom["removal"] = { report: { removed: [], refused: [] } };
  const queries = createQueries({
    store,
    logs: {
      async read({ task: name, number }, offset) {
        const bytes = Buffer.from(logs.get(`${name}.${number}`) ?? "");
        return bytes.length === 0
          ? undefined
          : { text: bytes.subarray(offset).toString(), nextOffset: Math.max(offset, bytes.length) };
      },
    },
    proofs: createMemoryProofSink(),
    calendar: createCalendar(),
    status: async () => ({
      state: "running",
      version: "1.2.3",
      pid: 4,
      startedAt: new Date(clock.now()).toISOString(),
      dataDir: "/data",
      watch: [{ dir: "/data/packages", ok: true, error: null }],
      packages: { loaded: 0, rejected: 0 },
      runs: engine.counts(),
      config: { generation: 1, error: null },
      tlog: { state: "signing", error: null },
      containment: "group" as const,
      warnings: [],
    }),
    tlogState: () => room.tlog,
    anchors: () => [{ name: "time", kind: "tsa" }],
    holds: (run) => engine.holds(run),
  });
  const setSchedule = async (id: string, state: Schedule["state"]) => {
    const audit = { at: clock.now(), name: "schedule.changed", subject: id, data: null };
    await engine.submit({ type: "set_schedule_state", schedule: id, state, nextAt: clock.now() + 60_000, audit });
  };
  const room: ApplicationRoom = {
    application: undefined as never,
    folder,
    bench,
    live,
    logs,
    removal,
    stops: 0,
    tlog: { state: "signing", tlog: null },
    async serve(served, { packages = [], files = [] } = {}) {
      await engine.submit({
        type: "registry",
        change: { at: clock.now(), files, gone: [], packages, statements: [], served: [served] },
        audit: [],
      });
      live.served([served]);
    },
  };
  const replays = createReplays({
    sources: {
      store,
      artifacts: { get: async () => undefined },
      code: { has: async () => true },
      clock,
      taskTimeoutMs: 1,
    },
    // The runs of this room are not recorded, so that none of their attempts gets here.
    openHost: async () => ({
      isolation: "shims",
      replay: () => Promise.reject(new Error()),
      close: async () => undefined,
    }),
    seal: createTestSigner(),
    facts: statementFacts(),
    writer: engine,
    onStatement: () => undefined,
  });
  const commands = createCommands({
    queries,
    store,
    engine,
    live,
    params: createParamsCheck(testChecks()),
    clock,
    schedules: { pause: (id) => setSchedule(id, "paused"), resume: (id) => setSchedule(id, "active") },
    registry: {
      async removePackage(name) {
        if (name === "nobody") throw new CascadeError("PACKAGE_UNKNOWN", "no file in a watched folder holds nobody");
        return removal.report;
      },
    },
    async anchorTlog({ name }) {
      if (name === "nobody") throw new CascadeError("ANCHOR_UNKNOWN", "there is no anchor nobody");
    },
    async adoptTlog() {
      room.tlog = { state: "signing", tlog: null };
    },
    replay: (run, request) => replays.replay(run, request),
    reload: async () => ({ generation: 2, changed: ["drain"], needRestart: [] }),
    stop: () => void room.stops++,
  });
  room.application = { ...queries, ...commands, subscribe: (listener) => bus.subscribe(listener) };
  return room;
}

/** A package that is loaded from a file, as the registry writes both. */
export function loadedPackage(
  name: string,
  version = "1.0.0",
): { packages: PackageRecord[]; files: PackageFileRecord[] } {
  const { identity, content } = tinyPackage({ name, version });
  const stat = { device: 1, inode: 2, size: 3, modifiedNs: "4", changedNs: "5" };
  return {
    packages: [
      {
        identity,
        manifest: content.manifest,
        state: "loaded",
        loadedAt: 1_000,
        unloadedAt: null,
        admission: null,
        policy: null,
        signers: [],
        countedSince: {},
        signatures: [],
      },
    ],
    files: [
      {
        location: { folder: "/watched", name: `${name}-${version}.cascade` },
        state: "loaded",
        stat,
        archiveDigest: "a".repeat(64),
        package: identity,
        keeps: null,
        error: null,
        seenAt: 1_000,
        changedAt: 1_000,
      },
      {
        location: { folder: "/watched", name: `${name}-broken.cascade` },
        state: "rejected",
        stat,
        archiveDigest: null,
        package: null,
        keeps: null,
        error: { code: "PACKAGE_TRUNCATED", message: "the file ends early", hint: "copy it again" },
        seenAt: 1_000,
        changedAt: 1_000,
      },
    ],
  };
}
