import { homedir } from "node:os";
import { systemClock } from "../daemon/system-clock.ts";
import type { Io } from "./io.ts";
import { runCommandLine } from "./command-line.ts";

const io: Io = {
  out: (text) => void process.stdout.write(text),
  exact: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  outIsTerminal: process.stdout.isTTY === true,
  errIsTerminal: process.stderr.isTTY === true,
  size: () => ({ columns: process.stderr.columns ?? 80, rows: process.stderr.rows ?? 24 }),
  environment: process.env,
  workingDir: process.cwd(),
  home: homedir(),
  clock: systemClock,
  nodePath: process.execPath,
  nodeVersion: process.versions.node,
  program: process.argv[1] ?? "",
  uid: process.getuid?.() ?? 0,
  onInterrupt(callback) {
    process.once("SIGINT", callback);
    return () => void process.removeListener("SIGINT", callback);
  },
};

// A reader that has seen enough, such as `head`, closes the pipe: that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

// Set and not called: what was written to a pipe has to arrive before the process ends.
void runCommandLine(process.argv.slice(2), io).then((code) => (process.exitCode = code));
