import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Figure } from "./figure.ts";
import { figures } from "./figures.ts";
import { machine } from "./machine.ts";
import { measure } from "./measure.ts";
import { type Row, rowOf, tableHead, tableLine } from "./report.ts";
import { runGate } from "./run-gate.ts";
import { targets } from "./targets.ts";

const usage = `npm run bench -- [--only KEY]... [--reps N] [--json FILE] [--node ARGUMENT]...
  KEY is one of ${figures.map(({ key }) => key).join(", ")}, or the beginning of some of them
  ARGUMENT goes to the daemon's Node, such as --node=--cpu-prof
npm run bench -- --gate
  fails with 1 when a share of the ceiling is below its floor
`;

/** Prints the table to stderr and the JSON to stdout; resolves to the exit code, 1 when a figure could not be taken. */
export async function main(args: readonly string[], root: string): Promise<number> {
  const options = optionsOf(args);
  if (!options) {
    process.stderr.write(usage);
    return 64;
  }
  const { chosen, reps, json, nodeArguments } = options;
  if (options.gate) return (await runGate(chosen, { root, nodeArguments })) ? 0 : 1;
  const before = machine(root);
  const rows: Record<string, Row> = {};
  process.stderr.write(tableHead);
  let isWhole = true;
  for (const figure of chosen) {
    process.stderr.write(`${figure.title}\n`);
    try {
      for (const [key, samples] of await measure(figure, reps, { root, nodeArguments })) {
        const row = rowOf(key, samples);
        rows[key] = row;
        process.stderr.write(tableLine(key, row));
      }
    } catch (error) {
      // The other figures are still worth having; the exit code tells that one is missing.
      isWhole = false;
      process.stderr.write(`  ${figure.key} failed: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  const text = `${JSON.stringify({ ...rows, machine: before }, null, 2)}\n`;
  process.stdout.write(text);
  if (json !== undefined) writeFileSync(json, text);
  return isWhole ? 0 : 1;
}

function optionsOf(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: "string", multiple: true },
        reps: { type: "string", default: "3" },
        json: { type: "string" },
        gate: { type: "boolean", default: false },
        node: { type: "string", multiple: true, default: [] },
      },
    });
    const reps = Number(values.reps);
    const chosen = new Set((values.only ?? [""]).flatMap(figuresOf));
    if (values.only?.some((name) => figuresOf(name).length === 0) || !Number.isInteger(reps) || reps < 1)
      return undefined;
    const inOrder = figures.filter((figure) => chosen.has(figure));
    return { chosen: inOrder, reps, json: values.json, gate: values.gate, nodeArguments: values.node };
  } catch {
    return undefined;
  }
}

/** By the beginning of their keys, or the one that takes a further number such as `w2_latency_p99`. */
function figuresOf(name: string): readonly Figure[] {
  const named = figures.filter(({ key }) => key.startsWith(name));
  if (named.length > 0 || !Object.hasOwn(targets, name)) return named;
  const takers = figures.filter(({ key }) => name.startsWith(`${key}_`));
  return takers.sort((a, b) => b.key.length - a.key.length).slice(0, 1);
}
