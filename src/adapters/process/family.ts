import type { ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import type { Clock } from "../../kernel/clock.ts";
import type { Cgroups } from "./cgroups.ts";
import { type LeftProcess, endLeftProcesses } from "./left-processes.ts";
import { signalProcess } from "./process-table.ts";
import type { ProcessEnd } from "./results.ts";

/** A process of ours, the leader of its group, with everything that descends from it. */
export interface Family {
  /** Kills all of them, the descendants first, so that it is known who they were. */
  kill(): void;
  /** The leader is gone: kills who is left. Answers everybody but the leader who was killed, now or before. */
  endRest(): Promise<readonly LeftProcess[]>;
}

export interface FamilyOptions {
  child: ChildProcess;
  hostName: string;
  /** The folder of its control group. */
  cgroup: string | undefined;
  cgroups: Cgroups | undefined;
}

export function createFamily({ child, hostName, cgroup, cgroups }: FamilyOptions): Family {
  const killed = new Map<number, LeftProcess>();
  const { pid } = child;
  const killDescendants = async () => {
    if (pid === undefined) return;
    for (const left of await endLeftProcesses({ leader: pid, hostName, cgroup }, new Set())) killed.set(left.pid, left);
  };
  let killing: Promise<void> | undefined;
  return {
    kill() {
      killing ??= killDescendants().finally(() => killGroup(pid, "SIGKILL"));
    },
    async endRest() {
      await killing;
      await killDescendants();
      killGroup(pid, "SIGKILL");
      if (cgroup !== undefined) await cgroups?.remove(cgroup);
      return [...killed.values()];
    },
  };
}

/**
 * Calls back once when a process is gone, what it left is killed, and what it wrote has been read, `outputs` to their ends
 * included. What escapes may hold them open; it is waited for no longer than `drainMs`.
 */
export function onGone(
  child: ChildProcess,
  outputs: readonly Readable[],
  family: Family,
  clock: Clock,
  drainMs: number,
  gone: (end: ProcessEnd, left: readonly LeftProcess[]) => void,
): void {
  let end: ProcessEnd | undefined;
  let left: readonly LeftProcess[] = [];
  let done = false;
  let isAlone = false;
  let cancelTimer: (() => void) | undefined;
  const finish = () => {
    if (done || !end) return;
    done = true;
    cancelTimer?.();
    for (const stream of [...child.stdio, ...outputs]) (stream as Readable | null | undefined)?.destroy();
    gone(end, left);
  };
  let open = 1 + outputs.length;
  const closed = () => {
    open--;
    if (open === 0 && isAlone) finish();
  };
  child.on("close", closed);
  for (const output of outputs) output.on("close", closed);
  // A process that is gone answers writes with EPIPE or ECONNRESET; `exit` tells it better.
  for (const stream of [...child.stdio, ...outputs]) stream?.on("error", () => undefined);

  child.on("error", (error) => {
    // Also raised when a signal could not be sent; then the process is there and `exit` will come.
    if (child.pid !== undefined) return;
    end = { exitCode: null, signal: null, error };
    void family.endRest().finally(finish);
  });
  child.on("exit", (exitCode, signal) => {
    end = { exitCode, signal, error: null };
    const rest = family.endRest().then((found) => (left = found));
    void rest.finally(() => {
      isAlone = true;
      if (open === 0) finish();
      else cancelTimer = clock.after(drainMs, finish);
    });
  });
}

/** The group's number is its leader's; it is not given away while the group has members. */
export function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid !== undefined) signalProcess(-pid, signal);
}
