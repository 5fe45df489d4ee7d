import { join } from "node:path";
import type { Logger } from "../../kernel/logger.ts";
import type { Digest } from "../../kernel/digest.ts";
import type { CrashPoint } from "../../kernel/crash-points.ts";
import type { Output } from "../../domain/run.ts";
import type { AttemptResult } from "../../ports/task-host.ts";
import { type Held, heldAttempt } from "./held-attempt.ts";
import type { HostProcess, HostProcessEvents } from "./host-process.ts";
import { type LeftProcess, describeProcesses } from "./left-processes.ts";
import type { ProcessLimits } from "./limits.ts";
import type { OpenAttempt } from "./open-attempt.ts";
import { type AbortReason, type HostFrame, encodeFrame, encodeRun, outputFile, readingsFile } from "./protocol.ts";
import { type ProcessEnd, aborted, crashed, success, unsuccessful, whyStopped } from "./results.ts";
import { beginStopping } from "./stopping.ts";

type EndFrame = Extract<HostFrame, { t: "ok" | "file" | "fail" }>;

/** What a process does for an attempt beside running its code. */
const ATTEMPT_OVERHEAD_MS = 0.05;

/** Chunks of output kept until it is known whose they are. */
const EARLY_MAX = 64;

export interface HostOptions {
  name: string;
  /** Its private folder, in which its work folders are numbered. */
  folder: string;
  /** Serves one attempt, then ends. */
  fresh: boolean;
  limits: ProcessLimits;
  logger: Logger;
  crashPoint: CrashPoint;
  artifactPath: (digest: Digest) => string;
  storeOutput: (path: string, size: number) => Promise<Output>;
  storeReadings: (path: string, size: number) => Promise<Digest>;
  now: () => number;
  start: (events: HostProcessEvents) => HostProcess;
  /** Something changed that may make room. */
  onChange: () => void;
  /** `sweep` wants to be called at this time. */
  onDeadline: (at: number) => void;
  /**
   * Its process is gone. `kept` are the numbers of work folders of failed attempts; the rest of its folder is of no use
   * once `stored` resolves.
   */
  onGone: (host: Host, kept: ReadonlySet<number>, stored: Promise<unknown>) => void;
}

/** One task process: which attempts it holds, and what becomes of them. */
export interface Host {
  readonly name: string;
  /** The package it serves; null while it is blank. */
  readonly digest: Digest | null;
  readonly fresh: boolean;
  /** When it last became idle. */
  readonly idleSince: number;
  load(digest: Digest, bundle: string, assets: string): void;
  /** How many more attempts it would take. */
  places(): number;
  /** How long an attempt given to it now would wait, going by what attempts took lately. */
  expectedWaitMs(): number;
  /** Attempts that occupy it: the running one and those behind it. */
  busy(): number;
  started(): number;
  run(open: OpenAttempt): void;
  /** False once it only waits for its process to go. */
  live(): boolean;
  /** False when it does not hold the attempt. */
  cancel(attemptId: string): boolean;
  /** Takes no more attempts and ends when the running one has ended. Those behind it are asked back. */
  retire(): void;
  /** Acts on what is overdue; the next time it wants to be called. */
  sweep(): number;
  /** Ends the attempt that runs, each step `graceMs` after the one before, then the process; at once without any time. */
  stop(graceMs: number): void;
}

export function createHost(options: HostOptions): Host {
  const { limits, now } = options;
  const logger = options.logger;
  const bornAt = now();
  const queue: Held[] = [];
  const draining = new Map<number, Held>();
  const kept = new Set<number>();
  let current: Held | undefined;
  let lastNumber = 0;
  let digest: Digest | null = null;
  let ready = false;
  /** It still takes attempts. */
  let open = true;
  let gone = false;
  let rubbish: string | undefined;
  /** How long attempts take, in milliseconds: a running average. */
  let pace: number | undefined;
  let idleSince = bornAt;
  let heardAt = bornAt;
  const storing = new Set<Promise<void>>();
  /**
   * Bytes of descriptors 1 and 2 whose owner is not known yet: they are read apart from the frames, so they can come
   * before the frame that says that their attempt has begun.
   */
  const early: Buffer[] = [];

  const find = (n: number): Held | undefined =>
    current?.n === n ? current : (draining.get(n) ?? queue.find((held) => held.n === n));

  const settle = (held: Held, result: AttemptResult, ms: number) => {
    draining.delete(held.n);
    if (result.outcome !== "succeeded") kept.add(held.folder);
    held.open.end(result, ms);
  };
  const settleIfWhole = (held: Held) => {
    const { ending } = held;
    if (!ending || (ending.marked && !held.markerSeen && !gone && now() < ending.waitUntil)) return;
    const { result, ms } = ending;
    if (!("file" in result) && held.readingsSize === null) return settle(held, result, ms);
    draining.delete(held.n);
    const stored = withFiles(held, result).then((whole) => settle(held, whole, ms));
    storing.add(stored);
    void stored.finally(() => storing.delete(stored));
  };
  /** The result with what its process has left in files. Never rejects. */
  const withFiles = async (held: Held, ending: AttemptResult | { file: number }): Promise<AttemptResult> => {
    let result: AttemptResult;
    if ("file" in ending) {
      try {
        result = success(await options.storeOutput(join(options.folder, outputFile(held.n)), ending.file));
      } catch (error) {
        result = unsuccessful("failed", "IO_FAILED", `its output was not stored: ${messageOf(error)}`);
      }
    } else result = ending;
    if (held.readingsSize === null || held.stopping) return result;
    try {
      const path = join(options.folder, readingsFile(held.n));
      return { ...result, readings: await options.storeReadings(path, held.readingsSize) };
    } catch (error) {
      // The work is done; that it cannot be replayed is no reason to call it failed.
      logger.warn({ event: "recording.lost", runId: held.open.spec.runId, err: error }, "a recording was not stored");
      return result;
    }
  };
  const giveBack = (held: Held) => {
    queue.splice(queue.indexOf(held), 1);
    takeCertain();
    held.open.giveBack();
  };
  const askBack = (held: Held) => {
    if (held.askedBack) return;
    held.askedBack = true;
    child.askBack(held.n);
  };
  const becomeFree = () => {
    if (queue.length === 0 && !current) {
      idleSince = now();
      if (!open && draining.size === 0) child.kill("SIGKILL");
      else options.onDeadline(idleSince + limits.idleMs);
    }
    options.onChange();
  };
  const stopAttempt = (held: Held, reason: AbortReason, graceMs = limits.graceMs) => {
    if (held.stopping) {
      if (graceMs === 0) held.stopping.hurry();
      return;
    }
    const { timeoutMs } = held.open.spec;
    held.stopping = beginStopping({
      reason,
      graceMs,
      now,
      steps: [
        ["aborted", () => child.send(encodeFrame({ t: "abort", n: held.n, reason }))],
        ["SIGTERM", () => child.kill("SIGTERM")],
        ["SIGKILL", () => child.kill("SIGKILL")],
      ],
      note: (step) => held.open.note(`${whyStopped(reason, timeoutMs)}: ${step}`),
    });
    options.onDeadline(held.stopping.sweep());
  };

  const takeEarly = (held: Held) => {
    for (const bytes of early.splice(0)) held.open.writeBytes("stdout", bytes);
  };
  /** Hands on what is certain: an attempt that may have begun unknown to us is not given another's bytes. */
  const takeCertain = () => {
    for (const held of draining.values()) if (held.ending?.marked && !held.markerSeen) return takeEarly(held);
    if (current && !current.markerSeen && (queue.length === 0 || early.length >= EARLY_MAX)) takeEarly(current);
    else early.splice(0, early.length - EARLY_MAX);
  };

  const begun = (held: Held, folder: number) => {
    queue.shift();
    current = held;
    held.startedAt = now();
    held.folder = folder;
    takeCertain();
    held.open.started();
    options.onDeadline(held.startedAt + Math.min(held.open.spec.timeoutMs, limits.patienceMs));
    if (held.cancelled) stopAttempt(held, "cancel");
  };
  const ended = (held: Held, { ms, marked }: EndFrame, result: AttemptResult | { file: number }) => {
    current = undefined;
    pace = pace === undefined ? ms : pace * 0.7 + ms * 0.3;
    const forced = held.stopping && aborted(held.stopping, held.open.spec.timeoutMs, null);
    held.ending = { result: forced ?? result, ms, marked, waitUntil: now() + limits.drainMs };
    draining.set(held.n, held);
    options.crashPoint("result-received");
    if (held.n >= limits.attemptsPerHost && now() - bornAt >= limits.replaceAfterMs) open = false;
    settleIfWhole(held);
    if (draining.size > 0) options.onDeadline(now() + limits.drainMs);
    becomeFree();
  };
  const violated = (what: string) => {
    if (rubbish !== undefined) return;
    rubbish = what;
    open = false;
    child.kill("SIGKILL");
  };

  const onFrame = (frame: HostFrame) => {
    if (rubbish !== undefined) return;
    heardAt = now();
    switch (frame.t) {
      case "ready":
        ready = true;
        return;
      case "start":
        if (queue[0]?.n !== frame.n || current) {
          // Those before it were revoked; their answers are on their way on the other descriptor.
          const skipped = queue.findIndex((held) => held.n === frame.n);
          if (skipped < 0 || current || queue.slice(0, skipped).some((held) => !held.askedBack)) {
            return violated(`an attempt began that could not begin: ${frame.n}`);
          }
          for (const held of queue.slice(0, skipped)) giveBack(held);
        }
        return begun(queue[0]!, frame.folder);
      case "out":
        return find(frame.n)?.open.write(frame.stream, frame.text);
      case "log":
        return find(frame.n)?.open.log(frame.at, frame.level, frame.message, frame.fields);
      case "readings":
        if (current?.n === frame.n) current.readingsSize = frame.size;
        return;
      case "ok":
      case "file":
      case "fail": {
        const held = current;
        if (held?.n === frame.n) return ended(held, frame, resultOf(frame));
        if (frame.n > lastNumber || queue.some((waiting) => waiting.n === frame.n)) {
          return violated(`a result of an attempt that has not begun: ${frame.n}`);
        }
        logger.warn({ event: "host.answered_twice" }, "a task process answered twice; the first answer counts");
        return retire();
      }
      case "late":
        logger.warn(
          { event: "attempt.survived", runId: frame.runId, task: frame.task, attempt: frame.attempt },
          `an attempt left something running: ${frame.message}`,
        );
        return;
      case "retire":
        logger.debug({ event: "host.retired", reason: frame.reason }, "a task process is replaced");
        open = false;
        for (const held of queue.splice(0)) held.open.giveBack();
        takeCertain();
        return becomeFree();
    }
  };
  const resultOf = (frame: EndFrame): AttemptResult | { file: number } => {
    switch (frame.t) {
      case "ok":
        return success({ kind: "inline", json: frame.json });
      case "file":
        return { file: frame.size };
      case "fail":
        return unsuccessful("failed", frame.code, frame.message, { stack: frame.stack });
    }
  };

  const onMarker = (n: number) => {
    const held = find(n);
    if (!held || held.markerSeen) return;
    takeEarly(held);
    held.markerSeen = true;
    settleIfWhole(held);
    if (draining.size === 0) becomeFree();
  };

  const onGone = (end: ProcessEnd, left: readonly LeftProcess[]) => {
    gone = true;
    open = false;
    for (const held of draining.values()) settleIfWhole(held);
    const running = current ?? (ready ? undefined : queue.shift());
    if (current) takeEarly(current);
    current = undefined;
    tellLeft(running, left);
    for (const held of queue.splice(0)) held.open.giveBack();
    if (running) settle(running, deathOf(running, end), running.startedAt === 0 ? 0 : now() - running.startedAt);
    options.onGone(host, kept, Promise.all(storing));
  };
  const tellLeft = (running: Held | undefined, left: readonly LeftProcess[]) => {
    if (left.length === 0) return;
    const message = `ended what its process left running: ${describeProcesses(left)}`;
    if (running) running.open.note(message);
    else logger.debug({ event: "host.left_processes", host: options.name, left }, message);
  };
  const deathOf = (held: Held, end: ProcessEnd): AttemptResult => {
    if (held.stopping) return aborted(held.stopping, held.open.spec.timeoutMs, end.exitCode);
    if (rubbish !== undefined) return unsuccessful("crashed", "TASK_PROTOCOL", `its process sent ${rubbish}`);
    if (ready || end.error) return crashed(end);
    const how = end.signal ? `killed by ${end.signal}` : `exit code ${end.exitCode}`;
    const said = Buffer.concat(early).toString("utf8");
    const message = `the task process ended before it was ready (${how}) ${said.slice(0, 1_000)}`.trim();
    return unsuccessful("crashed", "HOST_START_FAILED", message);
  };

  const retire = () => {
    open = false;
    for (const held of queue) askBack(held);
    becomeFree();
  };

  const child = options.start({
    frame: onFrame,
    rubbish: violated,
    bytes(bytes) {
      early.push(bytes);
      takeCertain();
    },
    marker: onMarker,
    answer(n, revoked) {
      const held = find(n);
      if (!held) return;
      if (revoked) {
        giveBack(held);
        becomeFree();
      } else if (held === current && held.cancelled) {
        stopAttempt(held, "cancel");
      }
    },
    gone: onGone,
  });

  const host: Host = {
    name: options.name,
    fresh: options.fresh,
    get digest() {
      return digest;
    },
    get idleSince() {
      return idleSince;
    },
    load(next, bundle, assets) {
      digest = next;
      child.send(encodeFrame({ t: "load", bundle, assets }));
    },
    places() {
      if (!open) return 0;
      const busy = queue.length + (current ? 1 : 0);
      if (options.fresh || pace === undefined || pace > limits.waitMs) return busy === 0 ? 1 : 0;
      if (current && now() - current.startedAt > limits.waitMs) return 0;
      const bearable = pace === 0 ? limits.held : Math.ceil(limits.waitMs / pace);
      return Math.max(0, Math.min(limits.held, bearable) - busy);
    },
    expectedWaitMs() {
      const busy = queue.length + (current ? 1 : 0);
      return busy === 0 ? 0 : busy * ((pace ?? Infinity) + ATTEMPT_OVERHEAD_MS);
    },
    busy: () => queue.length + (current ? 1 : 0),
    live: () => !gone && (open || queue.length > 0 || current !== undefined || draining.size > 0),
    started: () => (current ? 1 : 0) + draining.size + storing.size,
    run(attempt) {
      const n = ++lastNumber;
      queue.push(heldAttempt(n, attempt, now()));
      if (options.fresh) open = false;
      child.send(encodeRun(n, attempt.spec, options.artifactPath), () => options.crashPoint("attempt-dispatched"));
      options.onDeadline(now() + (ready ? limits.patienceMs : limits.bootMs));
    },
    cancel(attemptId) {
      if (current?.open.spec.attemptId === attemptId) {
        stopAttempt(current, "cancel");
        return true;
      }
      const held = queue.find((waiting) => waiting.open.spec.attemptId === attemptId);
      if (!held) return [...draining.values()].some((ending) => ending.open.spec.attemptId === attemptId);
      held.cancelled = true;
      askBack(held);
      return true;
    },
    retire,
    sweep() {
      const time = now();
      let next = Infinity;
      if (gone) return next;
      const due = (at: number) => {
        if (at <= time) return true;
        next = Math.min(next, at);
        return false;
      };
      for (const held of draining.values()) {
        if (held.ending && due(held.ending.waitUntil)) {
          // Somebody keeps a descriptor from us; the process is not trusted with another attempt's output.
          open = false;
          settleIfWhole(held);
          becomeFree();
        }
      }
      if (current) {
        if (!current.stopping && due(current.startedAt + current.open.spec.timeoutMs)) stopAttempt(current, "timeout");
        if (current.stopping) next = Math.min(next, current.stopping.sweep());
        if (queue.length > 0 && due(current.startedAt + limits.patienceMs)) for (const held of queue) askBack(held);
      } else if (queue[0]) {
        const silentSince = Math.max(queue[0].sentAt, heardAt);
        if (!ready) {
          if (due(bornAt + limits.bootMs)) child.kill("SIGKILL");
        } else if (due(silentSince + limits.drainMs)) {
          // Its main thread does not even take the attempt: something that was left behind blocks it.
          retire();
          if (due(silentSince + 2 * limits.drainMs)) child.kill("SIGKILL");
        }
      }
      return next;
    },
    stop(graceMs) {
      if (gone) return;
      open = false;
      if (current) stopAttempt(current, "stop", graceMs);
      else child.kill("SIGKILL");
    },
  };
  return host;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
