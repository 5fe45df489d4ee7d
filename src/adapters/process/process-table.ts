import { readFile, readdir } from "node:fs/promises";
import { HOST_MARKER } from "./task-environment.ts";

/** What `/proc` tells of a process. */
export interface ProcessEntry {
  pid: number;
  parent: number;
  group: number;
  /** In clock ticks since the machine was started: with the number, it names one process for good. */
  startTime: string;
  /** It has ended, and its parent has not asked how. */
  isZombie: boolean;
}

const COMMAND_MAX = 200;

/** The numbers of all processes; none where there is no `/proc`. */
export async function allProcesses(): Promise<readonly number[]> {
  try {
    return (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  } catch {
    return [];
  }
}

/** Undefined when it is gone. */
export async function readProcess(pid: number): Promise<ProcessEntry | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    // Field 2 is the program's name in parentheses, in which anything may stand.
    const [state, parent, group, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const isZombie = state === "Z" || state === "X";
    return { pid, parent: Number(parent), group: Number(group), startTime: rest[16] ?? "", isZombie };
  } catch {
    return undefined;
  }
}

/** `<boot id>:<number>` of the task host that it descends from, as far as its environment says so. */
export async function markerOf(pid: number): Promise<string | undefined> {
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

/** Program and arguments in one line, cut where they are long; empty when it is gone. */
export async function commandOf(pid: number): Promise<string> {
  try {
    const words = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0").filter((word) => word !== "");
    // A terminal must not obey an argument.
    const line = words.join(" ").replaceAll(/[\x00-\x1f\x7f-\x9f]/g, " ");
    return line.length > COMMAND_MAX ? `${line.slice(0, COMMAND_MAX)}…` : line;
  } catch {
    return "";
  }
}

/** False when it is gone already. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
