import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Figure, Value } from "./figure.ts";
import { chain } from "./figures/chain.ts";
import { drop } from "./figures/drop.ts";
import { idle } from "./figures/idle.ts";
import { restart } from "./figures/restart.ts";
import { start } from "./figures/start.ts";
import { machine, type ReportedFigure, reportedFigure, tableHead, tableOf } from "./report.ts";

const figures: readonly Figure[] = [drop, start, chain, restart, idle];

const usage = `npm run bench -- [--only NAME]... [--reps N] [--json FILE] [--node ARGUMENT]...
  NAME is one of ${figures.map(({ name }) => name).join(", ")}; ARGUMENT goes to the daemon's Node, such as --node=--cpu-prof
`;

/** Prints the table to stderr and the JSON to stdout; resolves to the exit code. */
export async function main(args: readonly string[], root: string): Promise<number> {
  const options = optionsOf(args);
  if (!options) {
    process.stderr.write(usage);
    return 64;
  }
  const before = machine();
  const report: ReportedFigure[] = [];
  process.stderr.write(`${tableHead}`);
  for (const figure of options.chosen) {
    const repetitions: Value[][] = [];
    for (let index = 0; index < options.reps; index++) repetitions.push(await repetition(figure, root, options.node));
    const reported = reportedFigure(figure, repetitions);
    report.push(reported);
    process.stderr.write(`${tableOf(reported)}\n`);
  }
  const json = JSON.stringify({ machine: before, reps: options.reps, figures: report }, null, 2);
  process.stdout.write(`${json}\n`);
  if (options.json !== undefined) writeFileSync(options.json, `${json}\n`);
  return 0;
}

async function repetition(figure: Figure, root: string, nodeArguments: readonly string[]): Promise<Value[]> {
  const folder = mkdtempSync(join(tmpdir(), "cascade-bench-"));
  try {
    return await figure.measure({ root, folder, nodeArguments });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function optionsOf(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: "string", multiple: true },
        reps: { type: "string", default: "3" },
        json: { type: "string" },
        node: { type: "string", multiple: true },
      },
    });
    const chosen = figures.filter(({ name }) => values.only === undefined || values.only.includes(name));
    const unknown = values.only?.find((name) => !figures.some((figure) => figure.name === name));
    const reps = Number(values.reps);
    if (unknown !== undefined || !Number.isInteger(reps) || reps < 1) return undefined;
    return { chosen, reps, json: values.json, node: values.node ?? [] };
  } catch {
    return undefined;
  }
}
