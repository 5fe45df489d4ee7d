import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex, Readable } from "node:stream";
import type { Clock } from "../../kernel/clock.ts";
import { createLineReader } from "./line-reader.ts";
import { createMarkerSplitter } from "./marker-splitter.ts";
import { closePipes, closeWriteEnds, makeOutputPipes } from "./output-pipes.ts";
import { FRAME_DESCRIPTOR, FRAME_MAX, GUARD_DESCRIPTOR, type HostFrame, parseHostFrame } from "./protocol.ts";
import type { ProcessEnd } from "./results.ts";

export interface HostProcessEvents {
  frame(frame: HostFrame): void;
  /** It sent something that is no frame; nothing more is read from it. */
  rubbish(what: string): void;
  /** What was written to descriptors 1 and 2, in order, without the markers. */
  bytes(bytes: Buffer): void;
  marker(n: number): void;
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
  /** The program and its arguments. */
  command: readonly string[];
  hostName: string;
  env: Record<string, string>;
  /** Made if it is not there. */
  cwd: string;
  clock: Clock;
  drainMs: number;
}

/** Never throws: a process that cannot be started is soon `gone`. What is sent before it is there waits for it. */
export function startHostProcess(options: HostProcessOptions, events: HostProcessEvents): HostProcess {
  let child: ChildProcess | undefined;
  let unwanted = false;
  let lines = "";
  let afterWrite: (() => void)[] = [];
  let wanted = "";

  const begin = async () => {
    const pipes = await makeOutputPipes(options.cwd, 1, options.env["PATH"] ?? "");
    const [pipe] = pipes;
    if (unwanted || !pipe) {
      closePipes(pipes);
      return events.gone({ exitCode: null, signal: "SIGKILL", error: null });
    }
    try {
      const [program = "", ...argv] = options.command;
      child = spawn(program, argv, {
        cwd: options.cwd,
        env: options.env,
        // Leads its own group, which is what is killed; descriptors 3 and 4 are sockets, so both ways are open.
        detached: true,
        stdio: ["ignore", pipe.writeEnd, pipe.writeEnd, "pipe", "pipe"],
      });
    } finally {
      closeWriteEnds(pipes);
    }
    onGone(child, [pipe.reader], options.clock, options.drainMs, events.gone.bind(events));
    readOutput(pipe.reader);
    readFrames(child);
    readAnswers(child);
    flush();
    if (wanted !== "") (child.stdio[GUARD_DESCRIPTOR] as Duplex | undefined)?.write(wanted);
  };
  const readFrames = (process: ChildProcess) => {
    const reader = createLineReader(
      FRAME_MAX,
      (line) => {
        const frame = parseHostFrame(line);
        if (frame) events.frame(frame);
        else events.rubbish(`a line that is no frame: ${JSON.stringify(line.slice(0, 80))}`);
      },
      () => events.rubbish(`a line of more than ${FRAME_MAX} characters`),
    );
    process.stdio[FRAME_DESCRIPTOR]?.on("data", (chunk: Buffer) => reader.feed(chunk));
  };
  const readAnswers = (process: ChildProcess) => {
    const reader = createLineReader(
      FRAME_MAX,
      (line) => {
        const answer = /^(\d{1,9}) ([01])$/.exec(line);
        if (answer) events.answer(Number(answer[1]), answer[2] === "1");
      },
      () => undefined,
    );
    process.stdio[GUARD_DESCRIPTOR]?.on("data", (chunk: Buffer) => reader.feed(chunk));
  };
  const readOutput = (output: Readable) => {
    const splitter = createMarkerSplitter(
      options.hostName,
      (bytes) => events.bytes(bytes),
      (n) => events.marker(n),
    );
    output.on("data", (chunk: Buffer) => splitter.feed(chunk));
  };
  const flush = () => {
    if (!child) return;
    const text = lines;
    const callbacks = afterWrite;
    lines = "";
    afterWrite = [];
    if (text !== "") (child.stdio[FRAME_DESCRIPTOR] as Duplex | undefined)?.write(text);
    for (const callback of callbacks) callback();
  };

  begin().catch((error: unknown) => events.gone({ exitCode: null, signal: null, error: error as Error }));
  return {
    send(line, written) {
      if (lines === "") queueMicrotask(flush);
      lines += line;
      if (written) afterWrite.push(written);
    },
    askBack(n) {
      if (child) (child.stdio[GUARD_DESCRIPTOR] as Duplex | undefined)?.write(`${n}\n`);
      else wanted += `${n}\n`;
    },
    kill(signal) {
      unwanted = true;
      killGroup(child?.pid, signal);
    },
  };
}

/**
 * Calls back once when a process is gone and what it wrote has been read, `outputs` to their ends included. What is left
 * of its group is killed, as it may hold them open; a descendant outside the group is waited for no longer than `drainMs`.
 */
export function onGone(
  child: ChildProcess,
  outputs: readonly Readable[],
  clock: Clock,
  drainMs: number,
  gone: (end: ProcessEnd) => void,
): void {
  let end: ProcessEnd | undefined;
  let done = false;
  let cancelTimer: (() => void) | undefined;
  const finish = () => {
    if (done || !end) return;
    done = true;
    cancelTimer?.();
    for (const stream of [...child.stdio, ...outputs]) (stream as Readable | null | undefined)?.destroy();
    gone(end);
  };
  let open = 1 + outputs.length;
  const closed = () => {
    if (--open === 0) finish();
  };
  child.on("close", closed);
  for (const output of outputs) output.on("close", closed);
  // A process that is gone answers writes with EPIPE or ECONNRESET; `exit` tells it better.
  for (const stream of [...child.stdio, ...outputs]) stream?.on("error", () => undefined);

  child.on("error", (error) => {
    // Also raised when a signal could not be sent; then the process is there and `exit` will come.
    if (child.pid !== undefined) return;
    end = { exitCode: null, signal: null, error };
    finish();
  });
  child.on("exit", (exitCode, signal) => {
    end = { exitCode, signal, error: null };
    killGroup(child.pid, "SIGKILL");
    if (open === 0) finish();
    else cancelTimer = clock.after(drainMs, finish);
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
