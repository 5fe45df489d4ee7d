import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { killDaemons } from "./daemon.ts";
import type { Bench, Figure, Values } from "./figure.ts";
import type { Sample } from "./report.ts";

/** Samples by key. */
export type Samples = ReadonlyMap<string, readonly Sample[]>;

/**
 * Takes a figure so many times. Daemon and bare program alternate, and change places with each repetition: what else runs
 * on the machine then meets both.
 */
export async function measure(
  figure: Figure,
  repetitions: number,
  options: Pick<Bench, "root" | "nodeArguments">,
): Promise<Samples> {
  const samples = new Map<string, Sample[]>();
  for (let index = 0; index < Math.min(repetitions, figure.repetitionsMax ?? repetitions); index++) {
    const values = () => inFolder((folder) => figure.measure({ ...options, folder }));
    const ceilings = () => inFolder((folder) => ceilingOf(figure, folder));
    const isEven = index % 2 === 0;
    const first = isEven ? await values() : await ceilings();
    const second = isEven ? await ceilings() : await values();
    const [own, bare] = isEven ? [first, second] : [second, first];
    for (const [key, value] of Object.entries(own)) {
      const ceiling = bare[key];
      const sample = ceiling === undefined ? { value } : { value, ceiling };
      samples.set(key, [...(samples.get(key) ?? []), sample]);
    }
  }
  return samples;
}

/**
 * Folders of measurements that are over. They go together at the end, after Ctrl-C as well: some file systems look for each
 * new file at all that were deleted within the last minute, and the next measurement would pay for the files of this one.
 */
const leftovers = new Set<string>();

/** Databases of a million runs are few files and much space: they go at once. */
const LARGE_BYTES = 64 * 1024 * 1024;

async function inFolder<Result>(act: (folder: string) => Promise<Result>): Promise<Result> {
  if (leftovers.size === 0) process.once("exit", removeLeftovers);
  const folder = mkdtempSync(join(tmpdir(), "cascade-bench-"));
  leftovers.add(folder);
  try {
    return await act(folder);
  } finally {
    killDaemons();
    for (const data of readdirSync(folder, { withFileTypes: true })) {
      if (data.isDirectory()) removeLargeFiles(join(folder, data.name));
    }
  }
}

function removeLargeFiles(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isFile() && statSync(path).size > LARGE_BYTES) rmSync(path);
  }
}

function removeLeftovers(): void {
  killDaemons();
  // A process that is just dying may still write.
  for (const folder of leftovers) rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** The bare program's numbers by the figure's keys; in a process of its own, the second time, when its code is warm. */
async function ceilingOf({ ceiling }: Figure, folder: string): Promise<Values> {
  if (!ceiling) return {};
  const program = fileURLToPath(new URL("ceiling-main.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, ceiling.workload, folder]);
  const last = JSON.parse(stdout.trim().split("\n").at(-1)!) as Values;
  return Object.fromEntries(Object.entries(ceiling.keys).map(([key, name]) => [key, last[name]!]));
}
