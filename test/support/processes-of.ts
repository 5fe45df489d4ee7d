import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { eventually } from "./eventually.ts";

export interface FoundProcess {
  pid: number;
  command: string;
  /** The daemon itself, not one of its task processes. */
  isDaemon: boolean;
}

/** Every living process that works in the folder or was told of it: the daemon on it, its task processes, what they started. */
export function processesOf(folder: string): FoundProcess[] {
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    const [command, environment] = [read(name, "cmdline"), read(name, "environ")];
    const told = command.includes(folder) || environment.includes(folder) || workingDir(name).startsWith(folder);
    if (!told || isZombie(name)) return [];
    const isDaemon = command.includes("\0daemon\0");
    return [{ pid, command: command.replaceAll("\0", " ").trim(), isDaemon }];
  });
}

/** Kills them all and waits until they are gone. */
export async function endProcessesOf(folder: string): Promise<void> {
  await eventually(() => {
    const left = processesOf(folder);
    for (const { pid } of left) kill(pid);
    return left.length === 0;
  });
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

function workingDir(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

function isZombie(pid: string): boolean {
  const stat = read(pid, "stat");
  return stat === "" || stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}
