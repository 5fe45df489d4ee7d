import type { Bench, Figure } from "./figure.ts";
import { floors, judge, type Verdict } from "./gate.ts";
import { measure } from "./measure.ts";
import { ratioOf } from "./report.ts";
import { targets } from "./targets.ts";

/** Enough for a middle half, few enough for two minutes with all of the figures. */
const REPETITIONS = 5;

/** Takes the figures that have a ceiling and judges those with a floor; resolves to whether all have passed. */
export async function runGate(
  figures: readonly Figure[],
  options: Pick<Bench, "root" | "nodeArguments">,
): Promise<boolean> {
  let hasPassed = true;
  for (const figure of figures) {
    const floor = floors[figure.key];
    if (floor === undefined) continue;
    const { kind, reason } = await verdictOf(figure, floor, options);
    process.stderr.write(`${figure.key} ${kind}: ${reason}\n`);
    if (kind === "failed") hasPassed = false;
  }
  return hasPassed;
}

async function verdictOf(
  figure: Figure,
  floor: number,
  options: Pick<Bench, "root" | "nodeArguments">,
): Promise<Verdict> {
  for (let take = 1; ; take++) {
    const samples = (await measure(figure, REPETITIONS, options)).get(figure.key)!;
    const ratios = samples.map(({ value, ceiling }) => ratioOf(value, ceiling!, targets[figure.key]!.better));
    const verdict = judge(floor, ratios, take);
    if (verdict.kind !== "again") return verdict;
    process.stderr.write(`${figure.key} again: ${verdict.reason}\n`);
  }
}
