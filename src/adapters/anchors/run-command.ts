import { type ChildProcess, spawn } from "node:child_process";
import type { Clock } from "../../kernel/clock.ts";
import { CascadeError } from "../../kernel/errors.ts";
import type { CommandToRun, RunCommand } from "../../ports/run-command.ts";

/** From TERM to KILL. */
const KILL_AFTER_MS = 2_000;
/** How long output is waited for after the command has ended. */
const CLOSE_AFTER_MS = 500;
const ERROR_TEXT_MAX = 2_000;

/** Runs commands as leaders of a process group, which is ended as a whole: at the end of the command, too. */
export function createRunCommand(clock: Pick<Clock, "after">): RunCommand {
  return (command) =>
    new Promise((resolve, reject) => {
      const program = command.argv[0] ?? "";
      const child = start(command);
      const chunks: Buffer[] = [];
      let size = 0;
      let said = "";
      let stopped: string | undefined;
      let callOffKill = (): void => undefined;
      const stop = (reason: string) => {
        if (stopped !== undefined) return;
        stopped = reason;
        signalGroup(child, "SIGTERM");
        callOffKill = clock.after(KILL_AFTER_MS, () => signalGroup(child, "SIGKILL"));
      };
      const onAbort = () => stop("was ended: the daemon stops");
      const callOff = clock.after(command.timeoutMs, () => stop(`did not end within ${command.timeoutMs} ms`));
      command.signal.addEventListener("abort", onAbort);
      let isSettled = false;
      const settle = (reason: string | undefined, cause?: unknown) => {
        if (isSettled) return;
        isSettled = true;
        callOff();
        callOffKill();
        command.signal.removeEventListener("abort", onAbort);
        child.stdout?.destroy();
        child.stderr?.destroy();
        if (reason === undefined) resolve(Buffer.concat(chunks));
        else reject(new CascadeError("ANCHOR_UNREACHABLE", `${program} ${reason}`, { cause }));
      };
      child.stdout?.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > command.maxBytes) stop(`wrote more than ${command.maxBytes} bytes`);
        else chunks.push(chunk);
      });
      child.stderr?.on("data", (chunk: Buffer) => void (said = (said + chunk.toString("utf8")).slice(-ERROR_TEXT_MAX)));
      // A command that does not read its input ends as it likes.
      child.stdin?.on("error", () => undefined);
      child.once("error", (error) => settle(`cannot be started: ${error.message}`, error));
      child.once("exit", (code, signal) => {
        signalGroup(child, "SIGKILL");
        const conclude = () => {
          callOffClose();
          if (stopped !== undefined) return settle(stopped);
          const last = said.trim().split("\n").at(-1) ?? "";
          settle(code === 0 ? undefined : `ended with ${code ?? signal}${last === "" ? "" : `: ${last}`}`);
        };
        // A process that left the group may hold the pipes open for ever.
        const callOffClose = clock.after(CLOSE_AFTER_MS, conclude);
        child.once("close", conclude);
      });
      if (command.signal.aborted) return onAbort();
      child.stdin?.end(command.stdin);
    });
}

function start({ argv, environment }: CommandToRun): ChildProcess {
  const [program = "", ...args] = argv;
  return spawn(program, args, { env: environment, detached: true, stdio: ["pipe", "pipe", "pipe"] });
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody of the group is left.
  }
}
