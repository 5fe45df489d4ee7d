import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { sweepArtifactTemps } from "../adapters/filesystem/artifacts.ts";
import { createCodeStore } from "../adapters/filesystem/code-store.ts";
import { sweepTlogTemps } from "../adapters/filesystem/tlog-files.ts";
import type { Logging } from "../adapters/logging/logging.ts";
import { killStrays } from "../adapters/process/strays.ts";
import type { Application } from "../app/application.ts";
import type { StatusView } from "../app/views.ts";
import { createApi } from "../http/api.ts";
import { createSocketServer } from "../http/serve-socket.ts";
import { type Clock, isoTime } from "../kernel/clock.ts";
import type { CrashPoint } from "../kernel/crash-points.ts";
import type { CascadeError } from "../kernel/errors.ts";
import { createIds, inBlocks } from "../kernel/ids.ts";
import type { Json } from "../kernel/json.ts";
import type { Life as LifeRecord, Store } from "../ports/store.ts";
import { type Correction, shownStep } from "../scheduling/scheduler.ts";
import type { ConfigSource, LoadedConfig } from "./config-file.ts";
import { removeDaemonFile, writeDaemonFile } from "./daemon-file.ts";
import { type DataFolder, fileSystemDoubt } from "./data-folder.ts";
import { createDiskWatch } from "./disk-watch.ts";
import type { Notifier } from "./notify.ts";
import { createReloader, expectPolicy } from "./reload.ts";
import type { SignalTarget } from "./signals.ts";
import { type RegistryAndRuns, wire } from "./wiring.ts";

/** So many things that are passed over are named in the status. */
const PASSED_OVER_SHOWN = 10;

export interface LifeOptions {
  bootId: string;
  version: string;
  pid: number;
  data: DataFolder;
  socket: string;
  /** Where the heads of transparency logs are remembered, outside the data folder. */
  markFolder: string;
  source: ConfigSource;
  started: LoadedConfig;
  store: Store;
  logging: Logging;
  notifier: Notifier;
  clock: Clock;
  crashPoint: CrashPoint;
  environment: Readonly<Record<string, string | undefined>>;
  umask: number;
  withUmask<Result>(mask: number, action: () => Result): Result;
}

/** One life of the daemon on a data folder whose lock this process holds. */
export interface Life extends SignalTarget {
  application: Application;
  /** Settles the past, loads what lies in the folders, listens. Resolves when it serves. */
  start(): Promise<void>;
  /** Resolves after a drain, rejects when its storage failed. */
  ended: Promise<void>;
}

const INTEGRITY_EVERY_MS = 24 * 3_600_000;

export function createLife(options: LifeOptions): Life {
  const { store, data, clock, notifier, crashPoint, bootId, version } = options;
  const { logger } = options.logging;
  const log = logger.child("daemon");
  const startedAt = clock.now();
  let phase: "starting" | "running" | "draining" | "stopped" = "starting";
  let lastEndUnclean = false;
  let killing = false;
  let drainAsked = false;
  const doubt = fileSystemDoubt(data);
  let diskLack: string | null = null;
  let callOffIntegrity = (): void => undefined;
  let endWatchdog = (): void => undefined;
  let resolveEnded!: () => void;
  let rejectEnded!: (error: CascadeError) => void;
  let resolveStarted!: () => void;
  const ended = new Promise<void>((resolve, reject) => {
    resolveEnded = resolve;
    rejectEnded = reject;
  });
  const startedUp = new Promise<void>((resolve) => {
    resolveStarted = resolve;
  });

  const reloader = createReloader({
    source: options.source,
    started: options.started,
    logger: log,
    crashPoint,
    async announceTrust(next) {
      await wired.notePolicy(next);
      wired.prover.due();
    },
    async apply(next, diff) {
      const keys = new Set<string>(diff.changed.map(({ key }) => key));
      if (keys.has("log.level")) options.logging.setLevel(next.log.level);
      if (keys.has("concurrency")) wired.host.resize(next.concurrency);
      if (keys.has("trust")) await wired.reconciler.policyChanged();
      if (keys.has("watch")) await wired.reconciler.setFolders(next.watch);
      if ([...keys].some((key) => key.startsWith("retention."))) wired.retention.soon();
      const changed: Json = diff.changed.map(({ key, from, to }) => ({ key, from, to }));
      if (keys.has("trust")) sayWhoServes();
      await audit("config.reloaded", { changed });
    },
  });

  const wired = wire({
    store,
    data,
    markFolder: options.markFolder,
    config: () => reloader.config(),
    anchors: options.started.anchors,
    signer: options.started.signer,
    trust: () => reloader.trust(),
    bootId,
    version,
    environment: options.environment,
    umask: options.umask,
    clock,
    ids: createIds(() => clock.now(), inBlocks(randomBytes)),
    random: () => Math.random(),
    logger,
    crashPoint,
    process: { status, reload, stop: () => drain() },
    onFatal: fail,
  });
  const { application, engine, reconciler, scheduler, prover, replays, retention, anchorer } = wired;
  const api = createApi(application, { clock, logger: logger.child("http") });
  const server = createSocketServer({ api, path: options.socket, withUmask: options.withUmask, clock });
  const diskWatch = createDiskWatch({
    data,
    clock,
    logger: log,
    onChange(lack) {
      diskLack = lack;
      engine.setDiskLow(lack);
    },
  });

  function status({ passedOver, ...registry }: RegistryAndRuns): StatusView {
    const rejected = registry.packages.rejected;
    const tlog = wired.prover.log();
    const refusing = engine.storageRefuses();
    const trouble = diskWatch.trouble();
    return {
      state: phase,
      version,
      pid: options.pid,
      startedAt: isoTime(startedAt),
      dataDir: data.root,
      ...registry,
      config: reloader.state(),
      tlog: { state: tlog.state, error: "error" in tlog ? tlog.error : null },
      containment: wired.cgroups.root === undefined ? "group" : "cgroup",
      warnings: [
        ...(trouble ? [`${trouble.message}: ${trouble.hint}`] : []),
        ...(doubt === null ? [] : [doubt]),
        ...(refusing ? [`${refusing.message}: everything waits and goes on by itself`] : []),
        ...(diskLack !== null ? [`too little room is left on the disk: ${diskLack}; no new run starts`] : []),
        ...(tlog.state === "refused"
          ? [`the transparency log does not go on, and proofs wait: ${tlog.error.message}`]
          : []),
        ...(tlog.state === "waiting" ? [`nothing is signed, and proofs wait: ${tlog.error.message}`] : []),
        ...wired.leftKeys().map((name) => `${data.keys}/${name} can sign proofs: take it out of the data folder`),
        ...anchorer.troubles(),
        ...corrected(scheduler.correction()),
        ...(rejected > 0 ? [`${rejected} package files are rejected: \`cascade package list\` says why`] : []),
        ...passedOver.slice(0, PASSED_OVER_SHOWN).map(({ message, hint }) => `${message}. ${hint}`),
        ...(passedOver.length > PASSED_OVER_SHOWN
          ? [
              `${passedOver.length - PASSED_OVER_SHOWN} more things in watched folders are passed over: the log names them`,
            ]
          : []),
        ...registry.watch.flatMap(({ dir, ok, error }) =>
          ok ? [] : [`${dir}: ${error?.message ?? "cannot be read"}`],
        ),
      ],
    };
  }

  /** A next instant that was a year ahead is nothing to be found out from a list. */
  function corrected(correction: Correction | null): string[] {
    if (!correction) return [];
    const { schedules, step, at } = correction;
    const why = step ? `the clock was set ${shownStep(step)}` : "the clock or the zone data are others than before";
    return [`${why}: the next instants of ${named(schedules)} were counted anew at ${isoTime(at)}`];
  }

  async function audit(name: string, entry: Json): Promise<void> {
    await engine.submit({ type: "audit", entries: [{ at: clock.now(), name, subject: null, data: entry }] });
  }

  async function start(): Promise<void> {
    try {
      await begin();
    } catch (error) {
      // Storage that failed has ended it already.
      if (phase === "stopped") throw error;
      phase = "stopped";
      await abandon();
      // It did no harm: what it began was ended in order.
      await store.endLife(bootId, clock.now()).catch(() => undefined);
      throw error;
    }
  }

  async function begin(): Promise<void> {
    store.onFailure(fail);
    if (doubt !== null) log.warn({ event: "data.remote" }, doubt);
    const former = await store.beginLife(bootId, startedAt);
    // Beside the rest of the start, which reads what a damage would be met in as well. Its failure is the store's.
    store.checkIntegrity("quick").catch(() => undefined);
    lastEndUnclean = former[0]?.endedAt === null;
    await settleFormerLife(former);
    await Promise.all([sweepArtifactTemps(data.artifacts), sweepTlogTemps(data.tlog)]);
    await wired.admissions.load();
    await wired.noteKey();
    // Its fifty milliseconds pass beside the rest of the start.
    wired.host.warm();
    await engine.start(former);
    crashPoint("former-life-settled");
    await audit("daemon.started", { bootId, version, pid: options.pid });
    await createCodeStore({ root: data.store, pid: options.pid, crashPoint }).sweepStaging();
    await wired.live.load();
    expectPolicy(await store.policyInForce(), reloader.trust(), reloader.config().trust);
    await wired.notePolicy(reloader.trust());
    await reconciler.start();
    await scheduler.start();
    await server.start();
    sayWhoServes();
    await Promise.all([prover.start(), anchorer.start(), retention.start(), diskWatch.start()]);
    if (phase !== "starting") return;
    phase = "running";
    resolveStarted();
    notifier.ready(summary());
    endWatchdog = notifier.watchdog(() => engine.beat());
    wired.events.publish({ name: "daemon.changed", state: "running", at: clock.now() });
    const fields = { event: "daemon.ready", durationMs: clock.now() - startedAt, dataDir: data.root, pid: options.pid };
    log.info(fields, `cascade ${version} is ready`);
    checkIntegritySoon(lastEndUnclean ? 0 : INTEGRITY_EVERY_MS);
    if (drainAsked) drain();
  }

  /** Commands look for configuration and policy where this life has them; a reload may have changed the policy's place. */
  function sayWhoServes(): void {
    const { file } = options.started;
    const policy = reloader.trust();
    writeDaemonFile(data.daemonFile, {
      pid: options.pid,
      bootId,
      socket: options.socket,
      startedAt: isoTime(startedAt),
      version,
      config: file.exists ? file.path : null,
      trust: policy && fileURLToPath(policy.uri),
    });
  }

  /** Ends what the former life left running, before anything of it is run again. */
  async function settleFormerLife(former: readonly LifeRecord[]): Promise<void> {
    if (!lastEndUnclean) return;
    log.warn(
      { event: "daemon.unclean_end", bootId: former[0]?.bootId },
      "the last life of the daemon did not end cleanly",
    );
    const strays = await killStrays(
      former.map((life) => life.bootId),
      { clock, logger: log },
    );
    if (strays.length > 0) log.warn({ event: "strays.killed", strays }, `killed ${strays.length} stray processes`);
  }

  function checkIntegritySoon(ms: number): void {
    callOffIntegrity = clock.after(ms, () => {
      const again = () => {
        if (phase === "running") checkIntegritySoon(INTEGRITY_EVERY_MS);
      };
      store.checkIntegrity("full").then(again, again);
    });
  }

  function summary(): string {
    const { queued, running } = engine.counts();
    return `${reconciler.status().loaded} packages, ${running} runs running, ${queued} queued`;
  }

  async function reload() {
    await startedUp;
    notifier.reloading();
    try {
      return await reloader.reload();
    } finally {
      notifier.ready(summary());
    }
  }

  function drain(): void {
    // What is half started cannot be stopped in order; the rest of the start takes moments.
    drainAsked = true;
    if (phase !== "running") return;
    phase = "draining";
    const { drainMs } = reloader.config();
    notifier.stopping(drainMs);
    log.info({ event: "daemon.draining", drainMs }, "draining: no new attempts, running ones may finish");
    wired.events.publish({ name: "daemon.changed", state: "draining", at: clock.now() });
    void end(killing ? 0 : drainMs).then(resolveEnded, (error: unknown) => fail(error as CascadeError));
  }

  async function end(drainMs: number): Promise<void> {
    callOffIntegrity();
    scheduler.drain();
    // Not waited for: a full disk must not keep the drain from going on.
    audit("daemon.stopping", { bootId }).catch(() => undefined);
    const drained = engine.drain(drainMs);
    crashPoint("drain-started");
    await Promise.all([retention.stop(), reconciler.stop(), diskWatch.stop(), replays.stop(), anchorer.stop()]);
    await drained;
    await engine.endAttempts(killing ? "at_once" : "in_steps");
    await prover.stop();
    await scheduler.stop();
    await engine.stop();
    await wired.cgroups.close();
    await server.stop();
    wired.checks.close();
    endWatchdog();
    await wired.logs.flush();
    await store.endLife(bootId, clock.now());
    await store.compact();
    await store.close();
    removeDaemonFile(data.daemonFile);
    phase = "stopped";
    log.info({ event: "daemon.stopped" }, "stopped");
  }

  /** Storage that failed for good ends the daemon at once: nothing that happens from now on could be recorded. */
  function fail(error: CascadeError): void {
    if (phase === "stopped") return;
    phase = "stopped";
    callOffIntegrity();
    endWatchdog();
    log.error({ event: "daemon.fatal", err: error }, `the daemon ends: ${error.message}`);
    void abandon().finally(() => rejectEnded(error));
  }

  /** Ends whatever would keep the process alive. */
  async function abandon(): Promise<void> {
    scheduler.drain();
    wired.checks.close();
    await wired.host.stop(0);
    await wired.cgroups.close();
    await Promise.allSettled([
      engine.stop(),
      prover.stop(),
      anchorer.stop(),
      retention.stop(),
      reconciler.stop(),
      diskWatch.stop(),
      replays.stop(),
      server.stop(),
    ]);
  }

  return {
    application,
    start,
    ended,
    drain,
    kill() {
      killing = true;
      log.warn({ event: "daemon.killing" }, "asked again: ending what still runs");
      if (phase === "draining") void engine.endAttempts("at_once");
    },
    async reload() {
      await reload().catch(() => undefined);
    },
  };
}

/** At most three names, and how many more there are. */
function named(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
