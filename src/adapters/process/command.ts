import { type ChildProcess, spawn } from "node:child_process";
import type { Clock } from "../../kernel/clock.ts";
import type { CrashPoint } from "../../kernel/crash-points.ts";
import type { ArtifactStore } from "../../ports/artifact-store.ts";
import type { AttemptResult } from "../../ports/task-host.ts";
import {
  type CommandFolder,
  prepareCommandFolder,
  readCommandOutput,
  releaseCommandFolder,
  storeCommandOutput,
} from "./command-files.ts";
import type { Cgroups } from "./cgroups.ts";
import { type Family, createFamily, killGroup, onGone } from "./family.ts";
import { createLastLine } from "./last-line.ts";
import { describeProcesses } from "./left-processes.ts";
import type { ProcessLimits } from "./limits.ts";
import { closePipes, closeWriteEnds } from "./output-pipes.ts";
import type { OpenAttempt } from "./open-attempt.ts";
import { type AbortReason, FRAME_MAX } from "./protocol.ts";
import { type ProcessEnd, aborted, crashed, success, unsuccessful, whyStopped } from "./results.ts";
import { type Stopping, beginStopping } from "./stopping.ts";
import { commandEnvironment } from "./task-environment.ts";
import type { Warden } from "./warden.ts";

/**
 * Enters its control group, if there is one, then becomes the shell of the command, so that its end is the command's. The
 * command's text is an argument, never part of a text.
 */
const WRAPPER = `umask "$2"
[ -z "$3" ] || { echo 0 > "$3/cgroup.procs"; } 2>/dev/null
exec /bin/sh -e -c "$1"`;

/** The longest line that can be an output, and the part of the last error line that is shown. */
const LAST_LINE_MAX = FRAME_MAX;
const ERROR_LINE_MAX = 300;

export interface CommandOptions {
  attempt: OpenAttempt;
  hostName: string;
  folder: string;
  assets: string;
  /** Without what differs from attempt to attempt. */
  env: Record<string, string>;
  umask: number;
  limits: ProcessLimits;
  clock: Clock;
  artifacts: ArtifactStore;
  crashPoint: CrashPoint;
  cgroups: Cgroups | undefined;
  warden: Warden;
  now: () => number;
  onDeadline: (at: number) => void;
  /** Its folder cannot be removed. */
  onStuck: (error: unknown) => void;
  /** Answered, and nothing of it runs any more. */
  onGone: () => void;
}

/** A command that was begun or is about to be. */
export interface RunningCommand {
  readonly attemptId: string;
  readonly started: boolean;
  cancel(): void;
  sweep(): number;
  /** Ends it as at a time limit, with another grace; at once without any time. */
  stop(graceMs: number): void;
}

/** Runs one shell command in its own process group. Whatever goes wrong is the attempt's result. */
export function startCommand(options: CommandOptions): RunningCommand {
  const { attempt, limits, now } = options;
  const { spec } = attempt;
  const lastOutput = createLastLine(LAST_LINE_MAX);
  const lastError = createLastLine(LAST_LINE_MAX);
  let child: ChildProcess | undefined;
  let startedAt: number | undefined;
  let family: Family | undefined;
  let stopping: Stopping | undefined;
  let unwanted = false;

  const conclude = async (result: AttemptResult) => {
    attempt.end(result, startedAt === undefined ? 0 : now() - startedAt);
    await releaseCommandFolder(options.folder, result.outcome !== "succeeded").catch(options.onStuck);
    options.onGone();
  };
  const stop = (reason: AbortReason, graceMs = limits.graceMs) => {
    if (stopping) {
      if (graceMs === 0) stopping.hurry();
      return;
    }
    stopping = beginStopping({
      reason,
      graceMs,
      now,
      steps: [
        ["SIGTERM", () => killGroup(child?.pid, "SIGTERM")],
        ["SIGKILL", () => family?.kill()],
      ],
      note: (step) => attempt.note(`${whyStopped(reason, spec.timeoutMs)}: ${step}`),
    });
    options.onDeadline(stopping.sweep());
  };
  const resultOf = async (end: ProcessEnd, files: CommandFolder): Promise<AttemptResult> => {
    if (stopping) return aborted(stopping, spec.timeoutMs, end.exitCode);
    if (end.error || end.exitCode === null) return crashed(end);
    options.crashPoint("result-received");
    const { exitCode } = end;
    if (exitCode !== 0) {
      const said = lastError.text().trim().slice(0, ERROR_LINE_MAX);
      const message = `the command exited with code ${exitCode}${said === "" ? "" : `: ${said}`}`;
      return unsuccessful("failed", "TASK_FAILED", message, { exitCode });
    }
    const output = await readCommandOutput(files.outputFile, lastOutput.text(), limits.outputMax);
    switch (output.kind) {
      case "invalid":
        return unsuccessful("failed", "TASK_OUTPUT_INVALID", output.message, { exitCode });
      case "too_large":
        return unsuccessful("failed", "TASK_OUTPUT_TOO_LARGE", output.message, { exitCode });
      case "output": {
        const stored = await storeCommandOutput(output.json, limits.inlineMax, options.artifacts);
        if (stored.kind === "artifact") options.crashPoint("large-output-stored");
        return success(stored, exitCode);
      }
    }
  };

  const begin = (files: CommandFolder, cgroup: string | undefined) => {
    const { pipes } = files;
    const [stdout, stderr] = pipes.map(({ reader }) => reader);
    const argv = ["-c", WRAPPER, "sh", spec.command?.run ?? "", options.umask.toString(8), cgroup ?? ""];
    const running = spawn("/bin/sh", argv, {
      cwd: files.workDir,
      env: { ...options.env, ...commandEnvironment(spec, { ...files, assets: options.assets }) },
      detached: true,
      stdio: ["ignore", ...pipes.map(({ writeEnd }) => writeEnd)],
    });
    child = running;
    const { pid } = running;
    if (pid !== undefined) options.warden.add(pid);
    family = createFamily({ child: running, hostName: options.hostName, cgroup, cgroups: options.cgroups });
    closeWriteEnds(pipes);
    stdout?.on("data", (chunk: Buffer) => {
      attempt.writeBytes("stdout", chunk);
      lastOutput.feed(chunk);
    });
    stderr?.on("data", (chunk: Buffer) => {
      attempt.writeBytes("stderr", chunk);
      lastError.feed(chunk);
    });
    onGone(
      running,
      pipes.map(({ reader }) => reader),
      family,
      options.clock,
      limits.drainMs,
      (end, left) => {
        child = undefined;
        if (pid !== undefined) options.warden.remove(pid);
        if (left.length > 0) attempt.note(`ended what it left running: ${describeProcesses(left)}`);
        resultOf(end, files).then(conclude, (error: unknown) =>
          conclude(unsuccessful("failed", "IO_FAILED", `its output was not stored: ${String(error)}`)),
        );
      },
    );
    if (pid === undefined) return;
    options.crashPoint("attempt-dispatched");
    startedAt = now();
    attempt.started();
    options.onDeadline(startedAt + spec.timeoutMs);
  };

  const prepared = Promise.all([
    prepareCommandFolder(options.folder, spec, options.artifacts, options.env["PATH"] ?? ""),
    options.cgroups?.make(),
  ]);
  prepared.then(
    ([files, cgroup]) => {
      if (unwanted) {
        closePipes(files.pipes);
        if (cgroup !== undefined) void options.cgroups?.remove(cgroup);
        attempt.giveBack();
        void releaseCommandFolder(options.folder, false).catch(options.onStuck).finally(options.onGone);
        return;
      }
      try {
        begin(files, cgroup);
      } catch (error) {
        closePipes(files.pipes);
        void conclude(crashed({ exitCode: null, signal: null, error: error as Error }));
      }
    },
    (error: unknown) => conclude(crashed({ exitCode: null, signal: null, error: error as Error })),
  );

  return {
    attemptId: spec.attemptId,
    get started() {
      return startedAt !== undefined;
    },
    cancel() {
      if (startedAt === undefined) unwanted = true;
      else stop("cancel");
    },
    sweep() {
      if (startedAt === undefined || !child) return Infinity;
      const time = now();
      if (stopping) return stopping.sweep();
      if (time < startedAt + spec.timeoutMs) return startedAt + spec.timeoutMs;
      stop("timeout");
      return stopping!.sweep();
    },
    stop(graceMs) {
      if (startedAt === undefined) unwanted = true;
      else stop("stop", graceMs);
    },
  };
}
