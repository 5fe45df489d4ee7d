import { readFile, readdir } from "node:fs/promises";
import { HOST_MARKER } from "./task-environment.ts";

/** A process that an earlier life of the daemon started and that outlived it. */
export interface Stray {
  pid: number;
  /** `<boot id>:<number>` of the task process it descends from. */
  hostName: string;
}

/**
 * Kills every process that bears the marker of one of these lives, and the groups they are in. Other daemons on the
 * machine have other boot ids, so theirs stay. Answers what was found; where there is no `/proc`, nothing.
 * What a task starts without its environment and outside its group is found by nobody.
 */
export async function killStrays(bootIds: readonly string[]): Promise<readonly Stray[]> {
  const former = new Set(bootIds);
  const killed: Stray[] = [];
  for (const name of await processes()) {
    const before = await readProcess(name);
    const hostName = before && (await markerOf(name));
    if (!hostName || !former.has(hostName.slice(0, hostName.lastIndexOf(":")))) continue;
    // The number may have gone to another process while its environment was read.
    const after = await readProcess(name);
    if (!after || after.startTime !== before.startTime) continue;
    const pid = Number(name);
    // A group that it did not get from a task process of ours is not ours to kill.
    if (after.group === pid || (await markerOf(String(after.group))) === hostName) kill(-after.group);
    kill(pid);
    killed.push({ pid, hostName });
  }
  return killed;
}

async function processes(): Promise<readonly string[]> {
  try {
    return (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** Fields 5 and 22 of `/proc/PID/stat`: its process group, and when it started. */
async function readProcess(pid: string): Promise<{ group: number; startTime: string } | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    // Field 2 is the program's name in parentheses, in which anything may stand.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { group: Number(fields[2]), startTime: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

async function markerOf(pid: string): Promise<string | undefined> {
  try {
    const environment = await readFile(`/proc/${pid}/environ`, "utf8");
    const start = `${HOST_MARKER}=`;
    return environment
      .split("\0")
      .find((entry) => entry.startsWith(start))
      ?.slice(start.length);
  } catch {
    // Gone, or another user's.
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}
