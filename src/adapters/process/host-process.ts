import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import type { Duplex, Readable } from "node:stream";
import type { Clock } from "../../kernel/clock.ts";
import { createLineReader } from "./line-reader.ts";
import { createMarkerSplitter } from "./marker-splitter.ts";
import { FRAME_DESCRIPTOR, FRAME_MAX, GUARD_DESCRIPTOR, type HostFrame, parseHostFrame } from "./protocol.ts";
import type { ProcessEnd } from "./results.ts";

export interface HostProcessEvents {
  frame(frame: HostFrame): void;
  /** It sent something that is no frame; nothing more is read from it. */
  rubbish(what: string): void;
  bytes(stream: "stdout" | "stderr", bytes: Buffer): void;
  marker(stream: "stdout" | "stderr", n: number): void;
  /** The answer to `askBack`. */
  answer(n: number, revoked: boolean): void;
  /** Everything that it wrote has been handed on before; its group is killed. */
  gone(end: ProcessEnd): void;
}

/** A process of ours and its descriptors. */
export interface HostProcess {
  /** Frames of one turn go in one write; `written` is called after it. */
  send(line: string, written?: () => void): void;
  askBack(n: number): void;
  /** Signals the whole group. */
  kill(signal: NodeJS.Signals): void;
}

export interface HostProcessOptions {
  nodePath: string;
  argv: readonly string[];
  hostName: string;
  env: Record<string, string>;
  /** Made if it is not there, for this user alone. */
  cwd: string;
  clock: Clock;
  drainMs: number;
}

/** Never throws: a process that cannot be started is `gone` at once. */
export function startHostProcess(options: HostProcessOptions, events: HostProcessEvents): HostProcess {
  let child: ChildProcess;
  try {
    mkdirSync(options.cwd, { recursive: true, mode: 0o700 });
    child = spawn(options.nodePath, options.argv, {
      cwd: options.cwd,
      env: options.env,
      // Leads its own group, which is what is killed; descriptors 3 and 4 are sockets, so both ways are open.
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"],
    });
  } catch (error) {
    queueMicrotask(() => events.gone({ exitCode: null, signal: null, error: error as Error }));
    return { send() {}, askBack() {}, kill() {} };
  }
  const frames = child.stdio[FRAME_DESCRIPTOR] as Duplex | undefined;
  const guard = child.stdio[GUARD_DESCRIPTOR] as Duplex | undefined;

  const frameLines = createLineReader(
    FRAME_MAX,
    (line) => {
      const frame = parseHostFrame(line);
      if (frame) events.frame(frame);
      else events.rubbish(`a line that is no frame: ${JSON.stringify(line.slice(0, 80))}`);
    },
    () => events.rubbish(`a line of more than ${FRAME_MAX} characters`),
  );
  frames?.on("data", (chunk: Buffer) => frameLines.feed(chunk));

  const answerLines = createLineReader(
    FRAME_MAX,
    (line) => {
      const answer = /^(\d{1,9}) ([01])$/.exec(line);
      if (answer) events.answer(Number(answer[1]), answer[2] === "1");
    },
    () => undefined,
  );
  guard?.on("data", (chunk: Buffer) => answerLines.feed(chunk));

  for (const stream of ["stdout", "stderr"] as const) {
    const splitter = createMarkerSplitter(
      options.hostName,
      (bytes) => events.bytes(stream, bytes),
      (n) => events.marker(stream, n),
    );
    child[stream]?.on("data", (chunk: Buffer) => splitter.feed(chunk));
  }
  // A process that is gone answers writes with EPIPE or ECONNRESET; `exit` tells it better.
  for (const stream of child.stdio) stream?.on("error", () => undefined);

  const kill = (signal: NodeJS.Signals) => killGroup(child.pid, signal);
  onGone(child, options.clock, options.drainMs, events.gone.bind(events));

  let pending = "";
  let afterWrite: (() => void)[] = [];
  return {
    send(line, written) {
      if (pending === "") queueMicrotask(flush);
      pending += line;
      if (written) afterWrite.push(written);
    },
    askBack(n) {
      guard?.write(`${n}\n`);
    },
    kill,
  };
  function flush() {
    const text = pending;
    const callbacks = afterWrite;
    pending = "";
    afterWrite = [];
    frames?.write(text);
    for (const callback of callbacks) callback();
  }
}

/**
 * Calls back once when a process is gone and what it wrote has been read. What is left of its group is killed, as it
 * may hold the descriptors open; a descendant outside the group is waited for no longer than `drainMs`.
 */
export function onGone(child: ChildProcess, clock: Clock, drainMs: number, gone: (end: ProcessEnd) => void): void {
  let done = false;
  let cancelTimer: (() => void) | undefined;
  const finish = (end: ProcessEnd) => {
    if (done) return;
    done = true;
    cancelTimer?.();
    for (const stream of child.stdio) (stream as Readable | null | undefined)?.destroy();
    gone(end);
  };
  child.on("error", (error) => {
    // Also raised when a signal could not be sent; then the process is there and `exit` will come.
    if (child.pid === undefined) finish({ exitCode: null, signal: null, error });
  });
  child.on("exit", (exitCode, signal) => {
    const end = { exitCode, signal, error: null };
    killGroup(child.pid, "SIGKILL");
    child.on("close", () => finish(end));
    cancelTimer = clock.after(drainMs, () => finish(end));
  });
}

/** The group's number is its leader's; it is not given away while the group has members. */
export function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It is gone already.
  }
}
