import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "prettier";
import { chartOf } from "./chart.ts";
import { newestResults, readPeers, type Results } from "./results.ts";
import { resultsTable } from "./results-table.ts";

const BEGIN = "<!-- npm run bench:publish writes this table -->";
const END = "<!-- to here -->";

/** Draws docs/performance.svg from the newest results and the peers, and writes the results into docs/performance.md. */
export async function publish(root: string): Promise<void> {
  const results = newestResults(root);
  const page = join(root, "docs/performance.md");
  writeFileSync(join(root, "docs/performance.svg"), chartOf(results, readPeers(root)));
  writeFileSync(page, await withTable(readFileSync(page, "utf8"), results));
}

/** The page with the table of these results in the place of the one that it has. */
export async function withTable(page: string, results: Results): Promise<string> {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`the page has no ${BEGIN} … ${END}`);
  return format(`${before}${BEGIN}\n\n${resultsTable(results)}\n${END}${after}`, { parser: "markdown" });
}
