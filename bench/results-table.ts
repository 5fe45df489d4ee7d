import type { Results } from "./results.ts";
import type { Row } from "./report.ts";

/** Markdown: one line per number, in the order of the file, and what it was taken on. */
export function resultsTable({ rows, machine }: Results): string {
  const lines = Object.entries(rows).map(([key, row]) => `| ${[`\`${key}\``, ...cellsOf(row)].join(" | ")} |`);
  const { commit, at, processors, model, memoryGb, kernel, node, fileSystem } = machine;
  return [
    `Commit ${commit}, ${at.slice(0, 10)}: ${processors} virtual processors (${model}), ${memoryGb} GB, ${fileSystem}, Linux ${kernel}, Node ${node}.`,
    "",
    "| Figure | Median | Minimum, maximum | Bare program | Ratio | Must | Aim | Met |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ...lines,
    "",
  ].join("\n");
}

function cellsOf({ value, unit, min, max, ceiling, ratio, must, aim, met }: Row): string[] {
  const shown = (number: number | undefined) => (number === undefined ? "" : number.toLocaleString("en"));
  return [
    `${shown(value)} ${unit}`,
    min === max ? "" : `${shown(min)}, ${shown(max)}`,
    shown(ceiling),
    shown(ratio),
    shown(must),
    shown(aim),
    met === undefined ? "" : met ? "yes" : "**no**",
  ];
}
