import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex, Readable } from "node:stream";
import type { Clock } from "../../kernel/clock.ts";
import type { Cgroups } from "./cgroups.ts";
import { type Family, createFamily, killGroup, onGone } from "./family.ts";
import type { LeftProcess } from "./left-processes.ts";
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
  /** Everything that it wrote has been handed on before; `left` is what it had started, and that was killed. */
  gone(end: ProcessEnd, left: readonly LeftProcess[]): void;
}

/** From the end of a descriptor to that of its process, if that is why. */
const CLOSED_MS = 200;

/** A process of ours and its descriptors. */
export interface HostProcess {
  /** Frames of one turn go in one write; `written` is called after it. */
  send(line: string, written?: () => void): void;
  askBack(n: number): void;
  /** Signals the whole group; KILL goes to everything that descends from it. */
  kill(signal: NodeJS.Signals): void;
}

export interface HostProcessOptions {
  /** The program and its arguments, for a process that is to enter this control group. */
  command: (cgroup: string | undefined) => readonly string[];
  hostName: string;
  env: Record<string, string>;
  /** Made if it is not there. */
  cwd: string;
  clock: Clock;
  cgroups: Cgroups | undefined;
  drainMs: number;
}

/** Never throws: a process that cannot be started is soon `gone`. What is sent before it is there waits for it. */
export function startHostProcess(options: HostProcessOptions, events: HostProcessEvents): HostProcess {
  let child: ChildProcess | undefined;
  let family: Family | undefined;
  let unwanted = false;
  let lines = "";
  let afterWrite: (() => void)[] = [];
  let wanted = "";

  const begin = async () => {
    const [pipes, cgroup] = await Promise.all([
      makeOutputPipes(options.cwd, 1, options.env["PATH"] ?? ""),
      options.cgroups?.make(),
    ]);
    const [pipe] = pipes;
    if (unwanted || !pipe) {
      closePipes(pipes);
      if (cgroup !== undefined) await options.cgroups?.remove(cgroup);
      return events.gone({ exitCode: null, signal: "SIGKILL", error: null }, []);
    }
    try {
      const [program = "", ...argv] = options.command(cgroup);
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
    family = createFamily({ child, hostName: options.hostName, cgroup, cgroups: options.cgroups });
    onGone(child, [pipe.reader], family, options.clock, options.drainMs, events.gone.bind(events));
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
    process.stdio[FRAME_DESCRIPTOR]?.on("end", () => closedEarly(FRAME_DESCRIPTOR));
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
    process.stdio[GUARD_DESCRIPTOR]?.on("end", () => closedEarly(GUARD_DESCRIPTOR));
  };
  /** A process that ends closes them, too: its end tells more, and is known a moment later. */
  const closedEarly = (descriptor: number) => {
    const callOff = options.clock.after(CLOSED_MS, () =>
      events.rubbish(`nothing more: it closed descriptor ${descriptor}`),
    );
    child?.once("exit", callOff);
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

  begin().catch((error: unknown) => events.gone({ exitCode: null, signal: null, error: error as Error }, []));
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
      if (signal === "SIGKILL") family?.kill();
      else killGroup(child?.pid, signal);
    },
  };
}
