import { afterAll, describe, expect, it } from "vitest";
import { driftBetween } from "../../src/domain/drift.ts";
import { comparedPackage } from "../../src/domain/drift-side.ts";
import { buildPackage } from "../support/build-package.ts";
import { testPackageBuilder } from "../support/package-builder.ts";
import type { FolderContent } from "../support/package-folder.ts";

const builder = testPackageBuilder();
afterAll(() => builder.close());

const files = {
  "workflow.ts": `import { workflow, cron } from "cascaded";
import { z } from "zod";
import { most, total } from "./lib/total.ts";
import pad from "pad";
export default workflow("sums", {
  description: "sums a day",
  params: z.object({ day: z.string().optional() }),
  on: [cron("0 2 * * *", { params: { day: "first" } })],
})
  .task("fetch", async ({ params }) => [1, 2, params.day ?? "today"])
  .task("sum", { after: ["fetch"], retry: { attempts: 2 } }, ({ upstream }) => pad(total(upstream.fetch)))
  .task("tell", { after: ["sum"] }, ({ upstream, log }) => log.info(String(upstream.sum)));
`,
  "lib/total.ts": `// Adds up.\nexport const total = (rows: unknown[]) => rows.length;\nexport const most = (rows: unknown[]) => rows.at(-1);\n`,
  "node_modules/pad/package.json": `{"name":"pad","version":"1.0.0"}`,
  "node_modules/pad/index.js": `module.exports = (n) => "0" + n;\n`,
  "data/rates.csv": "a,b\n",
};
type Path = keyof typeof files;

async function packed(change: Partial<Record<Path, readonly [string, string]>> = {}, more: FolderContent = {}) {
  const texts = Object.entries(files).map(([path, text]) => {
    const [from, to] = change[path as Path] ?? ["", ""];
    if (!text.includes(from)) throw new Error(`${path} does not hold ${from}`);
    return [path, text.replace(from, to)];
  });
  const version = Object.keys(change).length + Object.keys(more).length === 0 ? "1.0.0" : "1.1.0";
  const cascade = { assets: ["data"], env: ["TOKEN"], ...more.cascade };
  const { manifest, digest } = await buildPackage(builder, {
    version,
    ...more,
    cascade,
    files: Object.fromEntries(texts) as never,
  });
  return comparedPackage(manifest, digest);
}

let unchanged: ReturnType<typeof packed> | undefined;
const base = () => (unchanged ??= packed());

async function drift(...change: Parameters<typeof packed>): Promise<string[]> {
  const { findings, unknown } = driftBetween(await base(), await packed(...change));
  expect(unknown).toEqual([]);
  return findings.map(({ kind, subject }) => `${kind} ${subject}`);
}

describe("what differs between two packs of an author's folder", () => {
  it.each<[string, Parameters<typeof packed>, string[]]>([
    ["nothing but the folder", [], []],
    ["the body of a task", [{ "workflow.ts": ["[1, 2,", "[1, 3,"] }], ["task-code demo/sums/fetch"]],
    [
      "a task that uses more of a helper",
      [{ "workflow.ts": ["pad(total(upstream.fetch))", "pad(most(upstream.fetch))"] }],
      ["task-code demo/sums/sum"],
    ],
    [
      "a schema that uses more of zod",
      [{ "workflow.ts": ["z.string().optional()", "z.email().or(z.string()).optional()"] }],
      ["schema demo/sums"],
    ],
    ["a line break in a helper", [{ "lib/total.ts": [") => rows.length", ") =>\n  rows.length"] }], []],
    ["a helper", [{ "lib/total.ts": ["rows.length", "rows.length + 1"] }], ["shared lib/total.ts"]],
    ["a dependency", [{ "node_modules/pad/index.js": [`"0"`, `"1"`] }], ["shared node_modules/pad"]],
    ["a comment", [{ "lib/total.ts": ["Adds up.", "Counts."] }], []],
    ["a description", [{ "workflow.ts": ["sums a day", "sums one day"] }], []],
    [
      "a rule",
      [{ "workflow.ts": ["0 2 * * *", "0 3 * * *"] }],
      ["trigger demo/sums/0 2 * * *", "trigger demo/sums/0 3 * * *"],
    ],
    ["a retry", [{ "workflow.ts": ["attempts: 2", "attempts: 3"] }], ["policy demo/sums/sum"]],
    [
      "dependencies of tasks",
      [{ "workflow.ts": [`after: ["sum"]`, `after: ["sum", "fetch"]`] }],
      ["structure demo/sums/tell"],
    ],
    [
      "a task more",
      [{ "workflow.ts": [`  .task("tell"`, `  .task("more", () => 1)\n  .task("tell"`] }],
      ["structure demo/sums/more"],
    ],
    ["the schema", [{ "workflow.ts": ["z.string().optional()", "z.string()"] }], ["schema demo/sums"]],
    ["an asset", [{ "data/rates.csv": ["a,b", "a,c"] }], ["asset assets/data/rates.csv"]],
    ["the environment", [{}, { cascade: { env: ["TOKEN", "OTHER"] } }], ["environment OTHER"]],
    [
      "a description under one version",
      [{ "workflow.ts": ["sums a day", "sums one day"] }, { version: "1.0.0" }],
      ["package demo@1.0.0"],
    ],
  ])("is named exactly: %s", async (_, change, expected) => {
    expect(await drift(...change)).toEqual(expected);
  });

  it("says how the schema has changed", async () => {
    const stricter = await packed({ "workflow.ts": ["z.string().optional()", "z.string()"] });
    const [finding] = driftBetween(await base(), stricter).findings;
    expect(finding).toMatchObject({ message: "breaking: /day is required now", compatible: false });
    expect(driftBetween(stricter, await base()).findings).toMatchObject([{ kind: "schema", compatible: true }]);
  });
});
