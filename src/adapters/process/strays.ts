import type { Clock } from "../../kernel/clock.ts";
import type { Logger } from "../../kernel/logger.ts";
import { formerCgroup } from "./cgroups.ts";
import { allProcesses, markerOf, readProcess, signalProcess } from "./process-table.ts";

/** A process that an earlier life of the daemon started and that outlived it. */
export interface Stray {
  pid: number;
  /** `<boot id>:<number>` of the task process it descends from, as far as that is known. */
  hostName: string;
}

/**
 * Kills every process that is in a control group of one of these lives, or bears its marker, and the groups they are in. Other
 * daemons on the machine have other boot ids, so theirs stay. Answers what was found; where there is no `/proc`, nothing.
 * Where no control group could be had, what a task starts without its environment and outside its group is found by nobody.
 */
export async function killStrays(
  bootIds: readonly string[],
  cgroups?: { clock: Clock; logger: Logger },
): Promise<readonly Stray[]> {
  const killed = new Map<number, Stray>();
  for (const bootId of cgroups ? bootIds : []) {
    const former = await formerCgroup({ bootId, ...cgroups! });
    for (const pid of former?.pids ?? []) {
      killed.set(pid, { pid, hostName: (await markerOf(pid)) ?? `${bootId}:` });
    }
    await former?.end();
  }
  const lives = new Set<string | undefined>(bootIds);
  for (const pid of await allProcesses()) {
    const before = await readProcess(pid);
    const hostName = before && !before.isZombie && (await markerOf(pid));
    if (!hostName || !lives.has(hostName.slice(0, hostName.lastIndexOf(":")))) continue;
    // The number may have gone to another process while its environment was read.
    const after = await readProcess(pid);
    if (!after || after.startTime !== before.startTime) continue;
    // A group that it did not get from a task process of ours is not ours to kill.
    if (after.group === pid || (await markerOf(after.group)) === hostName) signalProcess(-after.group, "SIGKILL");
    signalProcess(pid, "SIGKILL");
    killed.set(pid, { pid, hostName });
  }
  return [...killed.values()];
}
