import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
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

async function inFolder<Result>(act: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "cascade-bench-"));
  const clean = () => {
    killDaemons();
    // A process that is just dying may still write.
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  // Some hold gigabytes: they go after Ctrl-C as well.
  process.once("exit", clean);
  try {
    return await act(folder);
  } finally {
    process.off("exit", clean);
    clean();
  }
}

/** The bare program's numbers by the figure's keys; in a process of its own, the second time, when its code is warm. */
async function ceilingOf({ ceiling }: Figure, folder: string): Promise<Values> {
  if (!ceiling) return {};
  const program = fileURLToPath(new URL("ceiling-main.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, ceiling.workload, folder]);
  const last = JSON.parse(stdout.trim().split("\n").at(-1)!) as Values;
  return Object.fromEntries(Object.entries(ceiling.keys).map(([key, name]) => [key, last[name]!]));
}
