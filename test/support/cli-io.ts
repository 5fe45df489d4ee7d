import { runCommandLine } from "../../src/cli/command-line.ts";
import type { Io } from "../../src/cli/io.ts";
import { realClock } from "./real-clock.ts";

export interface CommandEnd {
  code: number;
  out: string;
  err: string;
}

export interface TestTerminal {
  /** Runs a command to its end. */
  run(...argv: string[]): Promise<CommandEnd>;
  /** Presses Ctrl-C. */
  interrupt(): void;
  /** What was written to stdout and stderr by the command that runs now. */
  out(): string;
  err(): string;
}

/** A command line in this process, with its own folder and environment, and terminals where asked for. */
export function testTerminal(
  workingDir: string,
  change: Partial<Pick<Io, "outIsTerminal" | "errIsTerminal" | "environment" | "size" | "clock">> = {},
): TestTerminal {
  let out = "";
  let err = "";
  const interrupts = new Set<() => void>();
  const io: Io = {
    out: (text) => void (out += text),
    exact: (text) => void (out += text),
    err: (text) => void (err += text),
    outIsTerminal: false,
    errIsTerminal: false,
    size: () => ({ columns: 80, rows: 24 }),
    environment: {},
    workingDir,
    home: workingDir,
    clock: realClock,
    nodePath: process.execPath,
    nodeVersion: process.versions.node,
    program: "cascade",
    uid: 1_000,
    onInterrupt(callback) {
      interrupts.add(callback);
      return () => void interrupts.delete(callback);
    },
    ...change,
  };
  return {
    async run(...argv) {
      out = err = "";
      const code = await runCommandLine(argv, io);
      return { code, out, err };
    },
    interrupt: () => interrupts.forEach((callback) => callback()),
    out: () => out,
    err: () => err,
  };
}
