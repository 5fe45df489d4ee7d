import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPackageArchive, archiveLimits } from "../adapters/archive/package-archive.ts";
import { createArtifacts } from "../adapters/filesystem/artifacts.ts";
import { createAttemptLogs } from "../adapters/filesystem/attempt-logs.ts";
import { createCodeStore } from "../adapters/filesystem/code-store.ts";
import { createKeepers } from "../adapters/filesystem/keepers.ts";
import { createPackageSource } from "../adapters/filesystem/package-source.ts";
import { createChecks } from "../adapters/checks/create-checks.ts";
import { createCgroups } from "../adapters/process/cgroups.ts";
import { createProcessHost } from "../adapters/process/process-host.ts";
import { openReplayHost } from "../adapters/process/replay-host.ts";
import { privateProofKeys } from "../adapters/signing/local-signer.ts";
import { isSignedBy } from "../adapters/signing/public-key.ts";
import { createAlarm } from "../adapters/time/alarm.ts";
import { createCalendar } from "../adapters/time/calendar.ts";
import type { Application } from "../app/application.ts";
import { createCommands } from "../app/commands.ts";
import { createEventBus } from "../app/event-bus.ts";
import { createLiveWorkflows } from "../app/live-workflows.ts";
import { createParamsCheck } from "../app/params.ts";
import { createQueries } from "../app/queries.ts";
import { createReplays } from "../app/replays.ts";
import { createScheduledRuns } from "../app/scheduled-runs.ts";
import type { StatusView } from "../app/views.ts";
import type { ServedPackage } from "../domain/registry.ts";
import type { TrustPolicy } from "../domain/trust-policy.ts";
import { sealRun } from "../domain/seal-run.ts";
import { sealStatement } from "../domain/sealed-statement.ts";
import { startStatementText } from "../domain/start-statement.ts";
import type { StatementFacts } from "../domain/statement.ts";
import { createEngine } from "../engine/create-engine.ts";
import { createRetention } from "../engine/retention.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Digest } from "../kernel/digest.ts";
import type { CrashPoint } from "../kernel/crash-points.ts";
import type { CascadeError, ErrorView } from "../kernel/errors.ts";
import type { Ids } from "../kernel/ids.ts";
import type { Logger } from "../kernel/logger.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { Store } from "../ports/store.ts";
import { noteKey } from "../proofs/note-key.ts";
import { createAdmissionBook } from "../registry/admission-book.ts";
import { createGatekeeper } from "../registry/gatekeeper.ts";
import { notePolicy } from "../registry/note-policy.ts";
import { createReconciler } from "../registry/reconciler.ts";
import { createScheduler } from "../scheduling/scheduler.ts";
import type { AnchorPlan } from "./anchors-file.ts";
import { checkThreadEntry } from "./check-thread.ts";
import type { Config } from "./config.ts";
import type { DataFolder } from "./data-folder.ts";
import { type ExternalSigner, openProofSigner } from "./proof-signer.ts";
import { realPath } from "./real-path.ts";
import { taskProcessEntry } from "./task-process.ts";
import { wireProofs } from "./wire-proofs.ts";

/** What the registry and the engine have to say of themselves. */
export interface RegistryAndRuns extends Pick<StatusView, "watch" | "packages" | "runs"> {
  /** Why each thing in watched folders that is no package is passed over. */
  passedOver: readonly ErrorView[];
}

export interface WiringOptions {
  store: Store;
  data: DataFolder;
  /** Where the heads of transparency logs are remembered, outside the data folder. */
  markFolder: string;
  /** As it is now: a reload replaces it. */
  config(): Config;
  /** Who is shown the heads of the transparency log. */
  anchors: readonly AnchorPlan[];
  /** Null when the key that signs proofs is in the data folder. */
  signer: ExternalSigner | null;
  /** As it is now; null without one. */
  trust(): TrustPolicy | null;
  bootId: string;
  version: string;
  /** Of the daemon; tasks are given what their package declares. */
  environment: Readonly<Record<string, string | undefined>>;
  /** The one the daemon was started with; tasks get it back. */
  umask: number;
  clock: Clock;
  ids: Ids;
  random(): number;
  logger: Logger;
  crashPoint: CrashPoint;
  /** What the application is told about the process that runs it. */
  process: {
    status(registry: RegistryAndRuns): StatusView;
    reload: Application["reload"];
    stop(): void;
  };
  onFatal(error: CascadeError): void;
}

/** From the abort signal to TERM, and from TERM to KILL, when the daemon ends what the drain left over. */
const STOP_GRACE_MS = 5_000;

/** Puts the rooms together. Nothing runs yet. */
export function wire(options: WiringOptions) {
  const { store, data, clock, ids, logger, crashPoint, config } = options;
  const start = config();
  const calendar = createCalendar();
  const events = createEventBus();
  const artifacts = createArtifacts(data.artifacts);
  const logs = createAttemptLogs({ root: data.runs, max: start.task.logMaxBytes, logger: logger.child("logs") });
  const workRoot = join(data.root, "work");
  const { signer, seal } = openProofSigner(options.signer, {
    keysFolder: data.keys,
    environment: options.environment,
    bootId: options.bootId,
    clock,
  });
  const live = createLiveWorkflows(store);
  const checks = createChecks({ calendar, clock, entry: checkThreadEntry });
  const params = createParamsCheck(checks);

  const cgroups = createCgroups({ bootId: options.bootId, clock, logger: logger.child("host") });
  const processes = {
    cgroups,
    nodePath: process.execPath,
    childEntry: taskProcessEntry(),
    packageDir: (digest: Digest) => join(data.store, digest),
    artifactPath: (digest: Digest) => artifacts.path(digest),
    clock,
    logger: logger.child("host"),
    bootId: options.bootId,
    environment: options.environment,
    umask: options.umask,
    limits: { outputMax: start.task.outputMaxBytes },
  };
  const host = createProcessHost({
    ...processes,
    workRoot,
    logSink: logs,
    artifacts,
    concurrency: start.concurrency,
    crashPoint,
  });
  const codeStore = createCodeStore({ root: data.store, pid: process.pid, crashPoint });

  const facts = {
    builderId: `urn:cascade:engine:${signer.keyId}`,
    versions: {
      cascade: options.version,
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    },
  };
  const admissions = createAdmissionBook(store);
  const engine = createEngine({
    store,
    host,
    clock,
    ids,
    random: options.random,
    sealRun: (run, place) => sealRun(run, { ...facts, ...place, admission: admittedBy(run.package.digest) }, seal),
    sealStart: (run) => sealStatement(startStatementText(run, facts), seal),
    events,
    logger: logger.child("engine"),
    crashPoint,
    taskTimeoutMs: start.task.timeoutMs,
    killAfterMs: STOP_GRACE_MS,
    onRunEnded: () => prover.due(),
    onStartLogged: () => prover.due(),
    onFatal: options.onFatal,
  });

  function admittedBy(digest: string): StatementFacts["admission"] {
    const record = admissions.of(digest);
    return { digest: record?.admission ?? null, unsigned: !record || record.signers.length === 0 };
  }

  const proofs = wireProofs({
    store,
    data,
    markFolder: options.markFolder,
    origin: start.tlog.origin,
    anchors: options.anchors,
    environment: options.environment,
    signer,
    seal,
    writer: engine,
    clock,
    logger,
    crashPoint,
  });
  const { prover, anchorer } = proofs;

  const scheduler = createScheduler({
    store,
    writer: engine,
    calendar,
    alarm: createAlarm(clock),
    clock,
    onClockStep: (step) => void engine.clockStepped(step).catch(() => undefined),
    runs: createScheduledRuns(engine, live, params),
    crashPoint,
    logger: logger.child("scheduler"),
  });

  /** That a package was admitted is a statement in the log. */
  const registryWriter: ChangeWriter = {
    async submit(change) {
      const verdict = await engine.submit(change);
      if (change.type === "registry" && change.change.statements.length > 0) prover.due();
      return verdict;
    },
  };

  const reconciler = createReconciler(
    {
      source: createPackageSource({
        allowUnsafe: start.allowUnsafe,
        ownUid: process.geteuid?.() ?? 0,
        maxBytes: archiveLimits.packed,
        clock,
        logger: logger.child("watch"),
      }),
      archive: createPackageArchive({ checks }),
      codeStore,
      gatekeeper: createGatekeeper({
        policy: options.trust,
        book: admissions,
        isSignedBy,
        realPath,
        verifier: { id: facts.builderId, version: options.version },
      }),
      admissions,
      seal,
      store,
      calendar,
      clock,
      writer: registryWriter,
      events,
      logger: logger.child("registry"),
      crashPoint,
      async onServed(served) {
        live.served(served);
        if (served.some(hasSchedules)) await scheduler.refresh();
      },
    },
    { folders: start.watch, scanIntervalMs: start.scanIntervalMs, timezone: start.timezone },
  );

  /** Also of the version before: those have to go. */
  function hasSchedules({ name, schedules }: ServedPackage): boolean {
    return schedules.length > 0 || scheduler.schedules().some(({ workflow }) => workflow.startsWith(`${name}/`));
  }

  const retention = createRetention({
    store,
    writer: engine,
    artifacts,
    keepers: createKeepers({
      runs: data.runs,
      work: workRoot,
      workInUse: (name) => host.usesFolder(name),
      onStuck: (path, err) =>
        logger.warn({ event: "work_folder.stuck", path, err }, `the work folder ${path} cannot be removed`),
    }),
    proofsWritten: () => prover.caughtUp(),
    collectCode: (unloadedBefore) => reconciler.collect(unloadedBefore),
    pruneProofs: proofs.prune,
    proofPacker: proofs.packer,
    limits: () => config().retention,
    clock,
    crashPoint,
    logger: logger.child("retention"),
  });

  const replays = createReplays({
    sources: { store, artifacts, code: codeStore, clock, taskTimeoutMs: start.task.timeoutMs },
    openHost: () => openReplayHost({ ...processes, tempFolder: tmpdir() }),
    seal,
    facts,
    writer: engine,
    onStatement: () => prover.due(),
  });

  const status = async (): Promise<StatusView> => {
    const { folders, loaded, rejected } = reconciler.status();
    const watch = folders.map(({ dir, ok, error }) => ({ dir, ok, error }));
    const passedOver = reconciler.passedOver();
    return options.process.status({ watch, passedOver, packages: { loaded, rejected }, runs: engine.counts() });
  };
  const queries = createQueries({
    store,
    logs,
    proofs: proofs.files,
    calendar,
    tlogState: () => prover.log(),
    anchors: () => proofs.anchors,
    status,
    holds: (run) => engine.holds(run),
  });
  const commands = createCommands({
    queries,
    store,
    engine,
    live,
    params,
    schedules: {
      pause: async (id) => void (await scheduler.pauseSchedule(id)),
      resume: async (id) => void (await scheduler.resumeSchedule(id)),
    },
    registry: reconciler,
    anchorTlog: ({ name, wait }) => anchorer.anchorNow(name, wait),
    adoptTlog: () => proofs.adopt(),
    replay: (run, request) => replays.replay(run, request),
    reload: options.process.reload,
    stop: options.process.stop,
    clock,
  });
  const application: Application = { ...queries, ...commands, subscribe: (listener) => events.subscribe(listener) };

  return {
    notePolicy: (policy: TrustPolicy | null) =>
      notePolicy({ store, writer: engine, seal, engine: facts.builderId }, policy, clock.now()),
    noteKey: () => noteKey(store, seal, clock.now()),
    /** Private keys of proofs that lie in the data folder although another signer is to hold it. */
    leftKeys: () => (options.signer ? privateProofKeys(data.keys) : []),
    admissions,
    anchorer,
    application,
    checks,
    cgroups,
    engine,
    events,
    host,
    live,
    logs,
    prover,
    reconciler,
    replays,
    retention,
    scheduler,
  };
}
