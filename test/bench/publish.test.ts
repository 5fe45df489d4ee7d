import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { chartOf } from "../../bench/chart.ts";
import { withTable } from "../../bench/publish.ts";
import { newestResults, readPeers } from "../../bench/results.ts";

const root = new URL("../..", import.meta.url).pathname;
const page = readFileSync(new URL("../../docs/performance.md", import.meta.url), "utf8");

describe("what is published", () => {
  it("are the newest results: `npm run bench:publish` changes nothing", async () => {
    const results = newestResults(root);
    expect(await withTable(page, results)).toBe(page);
    expect(chartOf(results, readPeers(root))).toBe(readFileSync(`${root}docs/performance.svg`, "utf8"));
  });

  it("has a row that names what must be reached and is not", async () => {
    const results = newestResults(root);
    const row = { ...results.rows["w1_runs"]!, value: 1_999, met: false };
    const changed = await withTable(page, { ...results, rows: { ...results.rows, w1_runs: row } });
    expect(changed).toMatch(/\| `w1_runs` +\| +1,999 runs\/s .*\*\*no\*\*/);
  });

  it("refuses a page that has no place for the table", async () => {
    await expect(withTable("# Performance\n", newestResults(root))).rejects.toThrow("bench:publish");
  });
});
