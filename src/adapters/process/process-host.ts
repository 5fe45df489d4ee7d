import { join } from "node:path";
import type { AttemptId } from "../../domain/run.ts";
import { ASSETS_FOLDER, BUNDLE_FILE } from "../../domain/manifest.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { CrashPoint } from "../../kernel/crash-points.ts";
import type { Digest } from "../../kernel/digest.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { ArtifactStore } from "../../ports/artifact-store.ts";
import type { LogSink } from "../../ports/log-sink.ts";
import type { AttemptSpec, TaskHost } from "../../ports/task-host.ts";
import type { Cgroups } from "./cgroups.ts";
import { type RunningCommand, startCommand } from "./command.ts";
import { createDeadline } from "./deadline.ts";
import { type Host, createHost } from "./host.ts";
import { releaseHostFolder } from "./host-folder.ts";
import { startHostProcess } from "./host-process.ts";
import { storeLeftFile } from "./left-file.ts";
import { type ProcessLimits, checkedLimits } from "./limits.ts";
import { type OpenAttempt, openAttempt } from "./open-attempt.ts";
import type { HostSettings } from "./protocol.ts";
import { unsuccessful } from "./results.ts";
import { type Environment, hostEnvironment, missingNames } from "./task-environment.ts";
import { createWarden } from "./warden.ts";

export interface ProcessHostOptions {
  /** The Node program that task processes run. */
  nodePath: string;
  /** What is put before it in the command that starts a process. Default: nothing. */
  launcher?: readonly string[];
  /** The compiled `child/main.js`. */
  childEntry: string;
  /** Where the unpacked package is. */
  packageDir: (digest: Digest) => string;
  /** The folder in which private folders are made. */
  workRoot: string;
  logSink: LogSink;
  artifacts: ArtifactStore;
  /** The file of an artifact, for task processes to read. */
  artifactPath: (digest: Digest) => string;
  /** Where control groups may be had. */
  cgroups?: Cgroups | undefined;
  clock: Clock;
  logger: Logger;
  concurrency: number;
  bootId: string;
  /** The daemon's: declared names are taken from it. */
  environment: Environment;
  /** For tasks: the one the daemon was started with. */
  umask: number;
  limits?: Partial<ProcessLimits>;
  crashPoint: CrashPoint;
}

export interface ProcessHost extends TaskHost {
  /** Starts a blank process, so that the first attempt need not wait for one. */
  warm(): void;
  /** Whether a process that lives, or that is being cleaned up after, has the folder of this name in the work root. */
  usesFolder(name: string): boolean;
}

/** A new blank process waits this long: starting it takes the time that the attempt needs which took the last one. */
const SPARE_DELAY_MS = 250;
/** With this many attempts in one process, a second process is worth its start. */
const CROWDED = 4;
/** What a recording holds beside clocks and answers. */
const RECORDING_REST = 256 * 1024;
/** A wait shorter than it takes to wake another process. */
const AT_ONCE_MS = 0.5;

/** Runs attempts in child processes of this machine: one package per process at a time, kept warm, one attempt after the other. */
export function createProcessHost(options: ProcessHostOptions): ProcessHost {
  const { clock, logger, crashPoint } = options;
  const limits = checkedLimits(options.limits ?? {});
  // Spans are measured on a clock that nobody can set: a corrected wall clock must not end attempts.
  const now = () => performance.now();
  let concurrency = options.concurrency;
  let state: "open" | "draining" | "stopped" = "open";
  let lastName = 0;
  let spare: Host | undefined;
  let cancelSpareTimer: (() => void) | undefined;
  let roomTold = true;
  const hosts = new Set<Host>();
  const commands = new Set<RunningCommand>();
  const open = new Map<AttemptId, OpenAttempt>();
  const roomCallbacks: (() => void)[] = [];
  /** Resolvers of those who wait until nothing is left. */
  const waitingForEnd: (() => void)[] = [];
  const releasing = new Set<Promise<void>>();
  const folders = new Set<string>();
  const warden = createWarden({ bootId: options.bootId, cgroupRoot: () => options.cgroups?.root });

  const deadline = createDeadline(clock, now, () => {
    let next = endIdle();
    for (const host of [...hosts]) next = Math.min(next, host.sweep());
    for (const command of [...commands]) next = Math.min(next, command.sweep());
    return next;
  });

  const changed = () => {
    if (tooMany()) {
      for (const host of [...hosts]) if (tooMany() && host.live() && host.busy() === 0) host.retire();
    }
    if (!roomTold || state !== "open") return;
    roomTold = false;
    // Once for all the ends of one chunk.
    queueMicrotask(() => {
      roomTold = true;
      if (state === "open") for (const callback of roomCallbacks) callback();
    });
  };
  const tellEnd = () => {
    if (hosts.size === 0 && commands.size === 0 && !spare) for (const resolve of waitingForEnd.splice(0)) resolve();
  };

  const nextName = () => `${options.bootId}:${++lastName}`;
  const folderName = (name: string) => name.replaceAll(":", "-");
  const folderOf = (name: string) => {
    folders.add(folderName(name));
    return join(options.workRoot, folderName(name));
  };

  const stuck = (folder: string) => (err: unknown) =>
    logger.warn({ event: "work_folder.stuck", path: folder, err }, `the work folder ${folder} cannot be removed yet`);

  const startHost = (declared: readonly string[], fresh: boolean): Host => {
    const name = nextName();
    const folder = folderOf(name);
    const settings: Omit<HostSettings, "cgroup"> = {
      name,
      folder,
      umask: options.umask,
      outputMax: limits.outputMax,
      inlineMax: limits.inlineMax,
      recordingMax: limits.recordingMax,
      rssMax: limits.rssMax,
    };
    return createHost({
      name,
      folder,
      fresh,
      limits,
      logger,
      crashPoint,
      artifactPath: options.artifactPath,
      async storeOutput(path, size) {
        const stored = await storeLeftFile(path, size, limits.outputMax, options.artifacts);
        crashPoint("large-output-stored");
        return { kind: "artifact", ...stored };
      },
      async storeReadings(path, size) {
        return (await storeLeftFile(path, size, limits.recordingMax + RECORDING_REST, options.artifacts)).digest;
      },
      now,
      start: (events) =>
        startHostProcess(
          {
            command: (cgroup) => [
              ...(options.launcher ?? []),
              options.nodePath,
              options.childEntry,
              JSON.stringify({ ...settings, cgroup: cgroup ?? null } satisfies HostSettings),
            ],
            cgroups: options.cgroups,
            hostName: name,
            env: hostEnvironment(options.environment, name, declared),
            cwd: folder,
            clock,
            drainMs: limits.drainMs,
          },
          events,
        ),
      onChange: changed,
      onDeadline: (at) => deadline.need(at),
      onGone(host, kept, stored) {
        hosts.delete(host);
        if (spare === host) spare = undefined;
        const release = stored.then(() => releaseHostFolder(folder, kept)).catch(stuck(folder));
        releasing.add(release);
        void release.finally(() => {
          releasing.delete(release);
          folders.delete(folderName(name));
        });
        tellEnd();
        changed();
      },
    });
  };

  const liveHosts = () => [...hosts].filter((host) => host.live());
  const liveCount = () => {
    let count = commands.size;
    for (const host of hosts) if (host.live()) count++;
    return count;
  };
  const freeProcesses = () => {
    let busy = commands.size;
    for (const host of hosts) if (host.live() && host.busy() > 0) busy++;
    return Math.max(0, concurrency - busy);
  };
  const tooMany = () => liveCount() > concurrency;

  const warm = () => {
    if (spare || state !== "open") return;
    spare = startHost([], false);
    deadline.need(now() + limits.idleMs);
  };
  const warmSoon = () => {
    cancelSpareTimer?.();
    cancelSpareTimer = clock.after(SPARE_DELAY_MS, warm);
  };

  /** The package used least recently yields. */
  const makePlace = () => {
    if (liveCount() < concurrency) return;
    const idle = liveHosts().filter((host) => host.busy() === 0);
    idle.sort((one, other) => one.idleSince - other.idleSince)[0]?.retire();
  };
  const newHost = (spec: AttemptSpec, fresh: boolean): Host => {
    makePlace();
    let host = spare;
    // Declared names have to be in the environment from the start: some are read only then.
    if (!host?.live() || fresh || spec.env.length > 0) host = startHost(spec.env, fresh);
    else spare = undefined;
    hosts.add(host);
    const { digest } = spec.package;
    const folder = options.packageDir(digest);
    host.load(digest, join(folder, BUNDLE_FILE), join(folder, ASSETS_FOLDER));
    warmSoon();
    return host;
  };
  const chooseHost = (spec: AttemptSpec): Host | undefined => {
    const free = freeProcesses() > 0;
    if (spec.isolation === "fresh") return free ? newHost(spec, true) : undefined;
    let best: Host | undefined;
    for (const host of hosts) {
      if (host.digest !== spec.package.digest || !host.live() || host.places() <= 0) continue;
      // Next to no wait: fewer processes that work mean fewer writes, wakes and reads for each attempt.
      if (host.expectedWaitMs() <= AT_ONCE_MS) return host;
      if (!best || host.busy() < best.busy()) best = host;
    }
    if (best && (best.busy() < CROWDED || !free)) return best;
    return free ? newHost(spec, false) : undefined;
  };

  const runCommand = (attempt: OpenAttempt) => {
    const name = nextName();
    const { digest } = attempt.spec.package;
    makePlace();
    const command = startCommand({
      attempt,
      hostName: name,
      folder: folderOf(name),
      assets: join(options.packageDir(digest), ASSETS_FOLDER),
      env: hostEnvironment(options.environment, name, attempt.spec.env),
      umask: options.umask,
      limits,
      clock,
      artifacts: options.artifacts,
      cgroups: options.cgroups,
      warden,
      crashPoint,
      now,
      onDeadline: (at) => deadline.need(at),
      onStuck: stuck(folderOf(name)),
      onGone() {
        folders.delete(folderName(name));
        commands.delete(command);
        tellEnd();
        changed();
      },
    });
    commands.add(command);
  };

  /**
   * Ends processes that were idle for too long; one stays, rather the one used last than the blank one.
   * Answers when to look again.
   */
  const endIdle = (): number => {
    const idle = liveHosts().filter((host) => host.busy() === 0 && host.started() === 0);
    idle.sort((one, other) => one.idleSince - other.idleSince);
    let left = liveHosts().length + (spare ? 1 : 0);
    let next = Infinity;
    for (const host of spare ? [...idle.slice(0, -1), spare, ...idle.slice(-1)] : idle) {
      if (left <= 1) break;
      const endAt = host.idleSince + limits.idleMs;
      if (endAt > now()) {
        next = Math.min(next, endAt);
        // Whoever comes later in the line stays as long as this one does.
        if (host === spare) break;
      } else {
        host.retire();
        left--;
      }
    }
    return next;
  };

  return {
    warm,
    usesFolder: (name) => folders.has(name),
    room(digest, isolation) {
      if (state !== "open") return 0;
      let room = freeProcesses();
      if (isolation === "fresh") return room;
      for (const host of hosts) if (host.digest === digest && host.busy() > 0) room += host.places();
      return room;
    },
    warmRoom(digest) {
      const room = { processes: 0, idle: 0, places: 0 };
      if (state !== "open") return room;
      for (const host of hosts) {
        if (host.fresh || host.digest !== digest || !host.live()) continue;
        room.processes++;
        room.places += host.places();
        if (host.busy() === 0) room.idle++;
      }
      return room;
    },
    onRoom(callback) {
      roomCallbacks.push(callback);
    },
    execute(spec, listener) {
      const attempt = openAttempt(spec, listener, options.logSink, () => open.delete(spec.attemptId));
      open.set(spec.attemptId, attempt);
      const missing = missingNames(options.environment, spec.env);
      if (missing.length > 0) {
        const message = `the daemon's environment lacks ${missing.join(", ")}`;
        queueMicrotask(() => attempt.end(unsuccessful("failed", "ENV_MISSING", message), 0));
        return;
      }
      if (state === "open" && spec.command && freeProcesses() > 0) return runCommand(attempt);
      const host = state === "open" && !spec.command ? chooseHost(spec) : undefined;
      if (host) host.run(attempt);
      else queueMicrotask(() => attempt.giveBack());
    },
    cancel(attemptId) {
      for (const host of hosts) if (host.cancel(attemptId)) return;
      for (const command of commands) if (command.attemptId === attemptId) command.cancel();
    },
    resize(next) {
      concurrency = next;
      changed();
    },
    running() {
      let count = 0;
      for (const host of hosts) count += host.started();
      for (const command of commands) if (command.started) count++;
      return count;
    },
    drain() {
      if (state !== "open") return;
      state = "draining";
      cancelSpareTimer?.();
      spare?.retire();
      for (const host of [...hosts]) host.retire();
      for (const command of commands) if (!command.started) command.cancel();
    },
    async stop(graceMs) {
      state = "stopped";
      cancelSpareTimer?.();
      for (const attempt of open.values()) attempt.silence();
      const all = [...hosts, ...commands, ...(spare ? [spare] : [])];
      if (all.length > 0) {
        const nothingLeft = new Promise<void>((resolve) => waitingForEnd.push(resolve));
        for (const one of all) one.stop(graceMs);
        await nothingLeft;
      }
      deadline.clear();
      warden.close();
      await Promise.all(releasing);
    },
  };
}
