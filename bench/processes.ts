import { readdirSync, readFileSync } from "node:fs";
import { pause } from "./statistics.ts";

/** Clock ticks per second of `/proc/<pid>/stat`: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** A process and all its descendants, itself first. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const parent = /^\d+$/.test(name) ? statFields(Number(name))?.[1] : undefined;
    if (parent === undefined) continue;
    const siblings = children.get(Number(parent)) ?? [];
    children.set(Number(parent), [...siblings, Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** Seconds of processor time used so far; 0 when the process has gone. */
export function cpuSeconds(pid: number): number {
  const fields = statFields(pid);
  return fields ? (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND : 0;
}

const CALM_WINDOW_MS = 1_000;
const CALM_SHARE = 0.03;

/** Resolves when a process has nothing to do any more, such as a look at its past right after its start. */
export async function calm(pid: number): Promise<void> {
  for (let before = cpuSeconds(pid); ;) {
    await pause(CALM_WINDOW_MS);
    const now = cpuSeconds(pid);
    if (now - before < (CALM_SHARE * CALM_WINDOW_MS) / 1_000) return;
    before = now;
  }
}

export interface Memory {
  rssMb: number;
  /** Pages that processes share are counted in parts, so that a sum over processes is what they use together. */
  pssMb: number;
}

export function memoryOf(pid: number): Memory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0) / 1024;
  return { rssMb: field("Rss"), pssMb: field("Pss") };
}

export function isAlive(pid: number): boolean {
  const state = statFields(pid)?.[0];
  return state !== undefined && state !== "Z";
}

/** The fields after the program's name, which may hold blanks: state, parent, and so on. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
