import { AsyncLocalStorage } from "node:async_hooks";
import { type ConnectOpts, Socket, type SocketConstructorOpts } from "node:net";
import { Worker } from "node:worker_threads";
import {
  type AbortReason,
  type DaemonFrame,
  FRAME_DESCRIPTOR,
  type HostSettings,
  type RunFrame,
  encodeFrame,
  encodeSuccess,
} from "../protocol.ts";
import { type AttemptEnd, type RunningAttempt, runToEnd } from "./attempt.ts";
import { attemptEnvironment } from "./attempt-environment.ts";
import { type BundledTask, importTasks } from "./bundle.ts";
import { captureStreams } from "./captured-streams.ts";
import { createChannel, piecesOf, shorten } from "./channel.ts";
import { claimMemory, createClaims } from "./claims.ts";
import { failureText } from "./failure-text.ts";
import { createFrameInput } from "./frame-input.ts";
import { endGroup } from "./guard.ts";
import { handOver } from "./hand-over.ts";
import { createLeftBehind } from "./left-behind.ts";
import { parseParams } from "./params.ts";
import { createRawOutput } from "./raw-output.ts";
import { type ProcessState, provideEnvironment, rememberProcessState } from "./process-state.ts";
import { type SourceLines, createSourceLines } from "./source-lines.ts";
import type { AttemptReadings, ToldEnd } from "./readings/attempt-readings.ts";
import type { CallPlaces, OutsideCalls } from "./readings/outside-calls.ts";
import { createTaskContext } from "./task-context.ts";
import { type WorkPlace, createWorkFolder } from "./work-folder.ts";

/** Reading the resident size costs as much as a short attempt, so it is not done after each. */
const RSS_CHECK_EVERY = 64;
const RSS_CHECK_AFTER_MS = 100;
/** Read at once; a longer frame comes in several pieces. */
const READ_BYTES = 64 * 1024;
/** A survivor that prints in a loop is heard this often. */
const LATE_MAX = 20;
const LATE_TEXT_MAX = 2_000;
/** The clock of the host itself, whatever a recorded attempt is told. */
const { now } = Date;

/** The main thread of a task process: takes attempts from the daemon and runs one at a time, in order. */
export function serve(settings: HostSettings, entry: URL): void {
  process.umask(settings.umask);
  const memory = claimMemory();
  // Without streams of its own the thread would be given the real ones of this process: see captureStreams.
  new Worker(entry, { workerData: memory, execArgv: [], env: {}, argv: [], stdout: true, stderr: true });

  const channel = createChannel();
  const claims = createClaims(memory);
  const attempts = new AsyncLocalStorage<RunningAttempt>();
  const workFolder = createWorkFolder(settings.folder);
  const rawOutput = createRawOutput(settings.name);
  const leftBehind = createLeftBehind(settings);
  const waiting: RunFrame[] = [];
  let current: RunningAttempt | undefined;
  let loaded: { bundle: string; assets: string; sourceLines: SourceLines } | undefined;
  let tasks: Promise<ReadonlyMap<string, BundledTask>> | undefined;
  /** As the author's module left it when it was imported. */
  let betweenAttempts: ProcessState | undefined;
  let retired = false;
  /** An attempt was begun here. */
  let attempted = false;
  let lateReports = 0;
  let sinceRssCheck = 0;

  // What is in the process environment for real stays there for programs and libraries below JavaScript; what authors
  // see is a copy, so that nothing an attempt sets outlives it.
  const realEnvironment = process.env;
  const environment = { ...realEnvironment } as Record<string, string>;
  process.env = environment;
  process.chdir(settings.folder);

  const inSource = (text: string) => loaded?.sourceLines(text) ?? text;

  const retire = (reason: string) => {
    if (retired) return;
    retired = true;
    channel.send({ t: "retire", reason });
  };
  const reportLate = (attempt: RunningAttempt, message: string) => {
    retire("an attempt left something running");
    if (++lateReports > LATE_MAX) return;
    const { runId, task, attempt: number } = attempt.frame;
    channel.send({ t: "late", runId, task, attempt: number, message: shorten(message, LATE_TEXT_MAX) });
  };
  /** Whose doing this is: by the async context; else, for the author's module itself, of the attempt that runs. */
  const owner = () => attempts.getStore() ?? current;

  captureStreams((stream, printed) => {
    const attempt = owner();
    if (!attempt) return;
    const text = inSource(printed);
    if (attempt.ended) reportLate(attempt, `it printed after its end: ${text}`);
    else for (const piece of piecesOf(text)) channel.send({ t: "out", n: attempt.frame.n, stream, text: piece });
  });

  const onStray = (what: string) => (error: unknown) => {
    const attempt = owner();
    if (!attempt) return retire(what);
    if (attempt.ended) return reportLate(attempt, `${what} after its end: ${failureText(error, inSource).message}`);
    retire(what);
    attempt.settle({ kind: "failure", code: "TASK_FAILED", error });
  };
  process.on("uncaughtException", onStray("an uncaught exception"));
  process.on("unhandledRejection", onStray("an unhandled rejection"));
  process.on("exit", () => channel.flush());

  const begin = async (frame: RunFrame, folder: WorkPlace): Promise<void> => {
    channel.send({ t: "start", n: frame.n, folder: folder.number });
    if (environment["HOME"] !== folder.path) {
      for (const name of ["HOME", "TMPDIR"]) environment[name] = realEnvironment[name] = folder.path;
    }
    if (process.cwd() !== folder.path) process.chdir(folder.path);
    let began = performance.now();
    let readings: AttemptReadings | undefined;
    const { attempt, end } = runToEnd(frame, async (running) => {
      const { assets, bundle } = loaded!;
      current = running;
      if (frame.readings) {
        const { beginReadings } = await import("./readings/attempt-readings.ts");
        readings = beginReadings(frame, frame.readings, { settings, workDir: folder.path, bundle, assets });
      }
      tasks ??= importTasks(bundle);
      let task: BundledTask | undefined;
      try {
        task = (await tasks).get(`${frame.workflow.slice(frame.workflow.indexOf("/") + 1)}/${frame.task}`);
      } catch (error) {
        // Node keeps a failed import for ever; another process may have more luck.
        retire("its package cannot be imported");
        throw error;
      }
      if (!task) {
        const error = `the bundle has no task ${frame.workflow}/${frame.task}`;
        return { kind: "failure", code: "TASK_NOT_IN_BUNDLE", error };
      }
      const within = readings?.within ?? directly;
      const { params: schema, run } = task;
      const params = await within(() => parseParams(schema, frame.params));
      if (params.kind === "failure") return params;
      if (!betweenAttempts) {
        await leftBehind.settle();
        betweenAttempts = rememberProcessState(environment, settings.umask);
      }
      provideEnvironment(() => {
        const whole = { ...environment, ...attemptEnvironment(frame, assets) };
        return readings?.environment(whole) ?? whole;
      });
      began = performance.now();
      const context = createTaskContext({
        frame,
        params: params.value,
        signal: running.signal,
        workDir: folder.path,
        assets,
        calls: callsOf(readings, { workDir: folder.path, assets, signal: running.signal }),
        log(level, message, fields) {
          if (running.ended) return reportLate(running, `it logged after its end: ${message}`);
          const text = inSource(message);
          channel.send({ t: "log", n: frame.n, at: now(), level, message: text, fields: inSource(fields) });
        },
      });
      return { kind: "value", value: await attempts.run(running, () => within(() => run(context))) };
    });
    const ending = await end;
    attempt.ended = true;
    readings?.end();
    const ms = performance.now() - began;
    if (leftBehind.isSuspected()) await endLeftBehind(frame.n);
    const succeeded = sendEnd(frame.n, ms, ending, readings);
    betweenAttempts?.restore(folder.path);
    if (workFolder.isTouched()) {
      // Removing can take long, and the end of the attempt does not depend on it.
      channel.flush();
      process.chdir(settings.folder);
      if (!workFolder.leave(!succeeded)) retire("a work folder could not be removed");
    }
    checkSize(ms);
  };

  /** What is ended is told in the log of the attempt, and the process takes no other one. */
  const endLeftBehind = async (n: number) => {
    const found = await leftBehind.end();
    if (found.length === 0) return;
    for (const message of found) {
      channel.sendSoon(encodeFrame({ t: "log", n, at: now(), level: "warn", message, fields: "" }));
    }
    retire("an attempt left something running");
  };

  /** True when it was a success. The output is read before the marker is written: that can still run the author's code. */
  const sendEnd = (n: number, ms: number, ending: AttemptEnd, readings?: AttemptReadings): boolean => {
    const output = ending.kind === "value" ? handOver(ending.value, n, settings) : ending;
    const mark = rawOutput.mark(n);
    const marked = mark === "marked";
    if (mark === "lost") retire("its output was closed");
    if (output.kind === "failure") {
      const text = failureText(output.error, inSource);
      if (readings) leaveReadings(readings, n, { kind: "failure", code: output.code, message: text.message });
      channel.sendSoon(encodeFrame({ t: "fail", n, ms, marked, code: output.code, ...text }));
      return false;
    }
    if (readings) leaveReadings(readings, n, { kind: "output", json: output.json });
    // Copied in as it is: it was just made from the value, and is large as frames go.
    if (output.kind === "json") channel.sendSoon(encodeSuccess({ n, ms, marked, json: output.json }));
    else channel.sendSoon(encodeFrame({ t: "file", n, ms, marked, size: output.size }));
    return true;
  };
  const leaveReadings = (readings: AttemptReadings, n: number, end: ToldEnd) => {
    try {
      channel.sendSoon(encodeFrame({ t: "readings", n, size: readings.leave(end) }));
    } catch (error) {
      // The attempt ends as it did; it only cannot be replayed.
      const message = `its recording could not be written: ${failureText(error, inSource).message}`;
      channel.sendSoon(encodeFrame({ t: "log", n, at: now(), level: "warn", message, fields: "" }));
    }
  };
  const checkSize = (ms: number) => {
    if (++sinceRssCheck < RSS_CHECK_EVERY && ms < RSS_CHECK_AFTER_MS) return;
    sinceRssCheck = 0;
    if (process.memoryUsage.rss() > settings.rssMax) retire("it has grown too large");
  };

  /**
   * Made before an attempt is claimed: what an earlier one did to the folder is not its fault, and another process takes
   * it. For the first attempt of a process, another one would fare no better.
   */
  const nextPlace = (): WorkPlace | { error: unknown } => {
    try {
      return workFolder.prepare();
    } catch (error) {
      if (attempted) retire("it has no place for another work folder");
      return { error };
    }
  };
  const refuse = (frame: RunFrame, error: unknown) => {
    channel.send({ t: "start", n: frame.n, folder: 0 });
    sendEnd(frame.n, 0, { kind: "failure", code: "TASK_FAILED", error });
  };

  const pump = async () => {
    while (!retired && waiting.length > 0) {
      const place = nextPlace();
      if (retired) break;
      const frame = waiting.shift()!;
      if (!claims.claim(frame.n)) continue;
      attempted = true;
      if ("error" in place) refuse(frame, place.error);
      else await begin(frame, place);
      current = undefined;
    }
    channel.flush();
  };
  let pumping = false;
  const startPump = () => {
    if (pumping) return;
    pumping = true;
    void pump().finally(() => {
      pumping = false;
      if (waiting.length > 0 && !retired) startPump();
    });
  };

  const take = (frame: DaemonFrame) => {
    switch (frame.t) {
      case "load":
        loaded = { ...frame, sourceLines: createSourceLines(frame.bundle) };
        break;
      case "run":
        waiting.push(frame);
        startPump();
        break;
      case "abort":
        if (current?.frame.n === frame.n) current.abort(abortReason(frame.reason));
        break;
    }
  };

  const input = createFrameInput(take);
  // Past the stream, whose code is slow to warm up: 50 µs less to the first line of a task in an idle process.
  const options: SocketConstructorOpts & ConnectOpts = {
    fd: FRAME_DESCRIPTOR,
    onread: {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback(size, buffer) {
        input(buffer.subarray(0, size));
        return true;
      },
    },
  };
  const socket = new Socket(options);
  socket.on("error", endGroup);
  socket.on("close", endGroup);
  channel.send({ t: "ready" });
}

function directly<Result>(run: () => Result): Result {
  return run();
}

/** What the context needs for its calls to the outside. Most tasks make none, so it is loaded by the first one. */
function callsOf(readings: AttemptReadings | undefined, places: CallPlaces): () => Promise<OutsideCalls> {
  let calls: Promise<OutsideCalls> | undefined;
  const load = async () => {
    if (readings) return readings.calls(places.signal);
    const { createOutsideCalls } = await import("./readings/outside-calls.ts");
    return createOutsideCalls(places, undefined, directly);
  };
  return () => (calls ??= load());
}

function abortReason(reason: AbortReason): DOMException {
  switch (reason) {
    case "timeout":
      return new DOMException("the task's time is over", "TimeoutError");
    case "cancel":
      return new DOMException("the task was cancelled", "AbortError");
    case "stop":
      return new DOMException("the daemon is stopping", "AbortError");
  }
}
