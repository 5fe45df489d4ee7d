import { cpus, loadavg, release } from "node:os";
import type { Figure, Value } from "./figure.ts";
import { rounded, type Spread, spreadOf } from "./statistics.ts";

export interface ReportedValue extends Spread {
  name: string;
  unit: Value["unit"];
  /** What the bare program reached, and how many times that the daemon's value is: the median over repetitions. */
  ceiling?: number;
  ratio?: number;
}

export interface ReportedFigure {
  figure: string;
  title: string;
  values: ReportedValue[];
}

/** Min, median and max of each value over the repetitions. */
export function reportedFigure({ name, title }: Figure, repetitions: readonly (readonly Value[])[]): ReportedFigure {
  const values = (repetitions[0] ?? []).map((first, index): ReportedValue => {
    const all = repetitions.map((repetition) => repetition[index]!);
    const { min, median, max } = spreadOf(all.map(({ value }) => value));
    const spread = { min: rounded(min), median: rounded(median), max: rounded(max) };
    const base = { name: first.name, unit: first.unit, ...spread };
    if (first.ceiling === undefined) return base;
    const ceiling = rounded(spreadOf(all.map((value) => value.ceiling!)).median);
    return { ...base, ceiling, ratio: rounded(spreadOf(all.map((value) => value.value / value.ceiling!)).median) };
  });
  return { figure: name, title, values };
}

export function machine() {
  return {
    node: process.version,
    kernel: release(),
    processors: cpus().length,
    model: cpus()[0]?.model ?? "unknown",
    loadAverage: rounded(loadavg()[0] ?? 0),
  };
}

export function tableOf({ figure, title, values }: ReportedFigure): string {
  const lines = values.map(({ name, unit, min, median, max, ceiling, ratio }) => {
    const label = `  ${figure} ${name}`.padEnd(26);
    const spread = [min, median, max].map((value) => String(value).padStart(8)).join("");
    const compared = ratio === undefined ? "" : `   ceiling ${ceiling}, ratio ${ratio}`;
    return `${label}${spread} ${unit}${compared}`;
  });
  return [`${title}`.padEnd(74), ...lines, ""].join("\n");
}

export const tableHead = `${"".padEnd(26)}${["min", "median", "max"].map((name) => name.padStart(8)).join("")}\n`;
