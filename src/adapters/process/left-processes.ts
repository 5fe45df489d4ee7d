import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { allProcesses, commandOf, markerOf, type ProcessEntry, readProcess, signalProcess } from "./process-table.ts";

/** A process that an attempt has left running, and that was ended. */
export interface LeftProcess {
  pid: number;
  /** Program and arguments. */
  command: string;
}

/** By what the descendants of a process of ours are known. */
export interface Descent {
  /** Its number, which is that of its group, too. */
  leader: number;
  hostName: string;
  /** The folder of its control group; without one, group, tree and marker have to do. */
  cgroup: string | undefined;
}

/** Rounds of looking and killing: what was forked meanwhile is in the next one, and the killed fork no more. */
const ROUNDS_MAX = 20;

/** Every descendant of the process. */
export async function leftProcesses(descent: Descent): Promise<readonly number[]> {
  return (await descendants(descent, new Set())).map(({ pid }) => pid);
}

/** Kills every descendant but those in `spared` and what descends from these. Answers what was killed. */
export async function endLeftProcesses(descent: Descent, spared: ReadonlySet<number>): Promise<LeftProcess[]> {
  const ended = new Map<number, LeftProcess>();
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const found = (await descendants(descent, spared)).filter(({ pid }) => !ended.has(pid));
    if (found.length === 0) break;
    // All are named before the first is killed: that may end others.
    for (const { pid } of found) ended.set(pid, { pid, command: await commandOf(pid) });
    for (const { pid } of found) signalProcess(pid, "SIGKILL");
  }
  return [...ended.values()];
}

async function descendants(descent: Descent, spared: ReadonlySet<number>): Promise<readonly ProcessEntry[]> {
  const { leader, cgroup } = descent;
  const members = cgroup === undefined ? undefined : await membersOf(cgroup);
  const entries = new Map<number, ProcessEntry>();
  for (const entry of await Promise.all((members ?? (await allProcesses())).map(readProcess))) {
    if (entry) entries.set(entry.pid, entry);
  }
  const ours = members ? new Set(members) : await markedProcesses(descent, entries);
  return [...entries.values()].filter(
    (entry) =>
      entry.pid !== leader && !entry.isZombie && isBelow(entry, ours, entries) && !isBelow(entry, spared, entries),
  );
}

/** Those of its group and those that bear its marker: with what descends from these, all that is known without a control group. */
async function markedProcesses(
  { leader, hostName }: Descent,
  entries: ReadonlyMap<number, ProcessEntry>,
): Promise<ReadonlySet<number>> {
  const marked = new Set([leader]);
  await Promise.all(
    [...entries.values()].map(async ({ pid, group }) => {
      if (group === leader || (await markerOf(pid)) === hostName) marked.add(pid);
    }),
  );
  return marked;
}

/** Whether the process or one that it descends from is among these. */
function isBelow(entry: ProcessEntry, roots: ReadonlySet<number>, entries: ReadonlyMap<number, ProcessEntry>): boolean {
  // Read one after the other, the entries could name each other in a circle.
  const seen = new Set<number>();
  for (let at: ProcessEntry | undefined = entry; at && !seen.has(at.pid); at = entries.get(at.parent)) {
    if (roots.has(at.pid)) return true;
    seen.add(at.pid);
  }
  return false;
}

/** The numbers in a control group; undefined when it cannot be read. */
async function membersOf(cgroup: string): Promise<readonly number[] | undefined> {
  try {
    const text = await readFile(join(cgroup, "cgroup.procs"), "latin1");
    return text.split("\n").filter(Boolean).map(Number);
  } catch {
    return undefined;
  }
}

/** `1234 sleep 600; 1240 /bin/sh` */
export function describeProcesses(left: readonly LeftProcess[]): string {
  const shown = left.slice(0, SHOWN_MAX).map(({ pid, command }) => `${pid} ${command}`.trimEnd());
  if (left.length > SHOWN_MAX) shown.push(`${left.length - SHOWN_MAX} more`);
  return shown.join("; ");
}

const SHOWN_MAX = 10;
