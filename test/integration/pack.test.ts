import { afterAll, describe, expect, it } from "vitest";
import { testArchive } from "../support/checks.ts";
import { buildPackage } from "../support/build-package.ts";
import { testPackageBuilder } from "../support/package-builder.ts";
import { removeFolder, writePackageFolder } from "../support/package-folder.ts";

const builder = testPackageBuilder();
afterAll(() => builder.close());

const daily = `
import { workflow, cron } from "cascaded";
import { z } from "zod";
export default workflow("daily-etl", {
  description: "rows of a day",
  params: z.object({ date: z.iso.date().optional(), rows: z.number().default(3) }),
  on: [cron("0  2 * * *", { timezone: "Europe/Berlin", catchUp: "latest" }), cron("@daily", { catchUp: { all: 3 }, name: "nightly" })],
  timeout: "1h",
})
  .task("extract", async ({ params, plannedAt }) => [params.date ?? plannedAt, params.rows])
  .task("load", { after: ["extract"], retry: { attempts: 3, delay: "2s" }, timeout: "5m" }, async ({ upstream }) => upstream.extract.length);
`;

describe("packing a TypeScript entry", () => {
  it("writes the definition, the bundle and its map, and reads back whole", async () => {
    const built = await buildPackage(builder, { name: "etl", source: daily, cascade: { env: ["API_KEY", "A"] } });
    expect(built.fileName).toBe("etl-1.0.0.cascade");
    const reading = await testArchive().read(built.bytes);
    if (reading.kind !== "whole") throw reading.error;
    expect(reading.content.digest).toBe(built.digest);
    expect(reading.content.manifest).toEqual(built.manifest);
    expect([...reading.content.files.keys()]).toEqual(["bundle.mjs", "bundle.mjs.map"]);
    expect(built.manifest.env).toEqual(["A", "API_KEY"]);
    expect(built.manifest.workflows).toMatchObject([
      {
        name: "daily-etl",
        description: "rows of a day",
        timeoutMs: 3_600_000,
        params: { type: "object", properties: { rows: { type: "number" } } },
        schedules: [
          { name: "0 2 * * * Europe/Berlin", cron: "0 2 * * *", catchUp: { kind: "latest" } },
          { name: "nightly", timezone: null, catchUp: { kind: "all", max: 3 } },
        ],
        tasks: [
          { name: "extract", after: [], retry: { attempts: 1 }, timeoutMs: null },
          { name: "load", after: ["extract"], retry: { attempts: 3, delayMs: 2_000 }, timeoutMs: 300_000 },
        ],
      },
    ]);
    expect(Object.keys(built.manifest.fingerprint.tasks)).toEqual(["daily-etl/extract", "daily-etl/load"]);
  });

  it("reports every mistake at once, each with the author's line", async () => {
    const folder = writePackageFolder({
      cascade: { entri: "x", env: ["PATH"] },
      source: `import { workflow, cron } from "cascaded";
export const one = workflow("One", { on: [cron("61 * * * *"), cron("0 1 * * *", { timezone: "Mars/Base" })], timeout: "5 min" } as never)
  .task("a", { after: ["c"] } as never, () => 1)
  .task("b", { after: ["a"], retry: { attempts: 0 } } as never, () => 2)
  .task("c", { after: ["b"], timeuot: "1s" } as never, () => 3)
  .task("c" as never, () => 4)
  .task("d", { after: ["aa"] } as never, "no function" as never);
`,
    });
    const { problems } = await builder.inspect(folder);
    await removeFolder(folder);
    const lines = problems.map(({ code, place }) => `${code} ${place}`);
    expect(lines.sort()).toEqual([
      "CRON_INVALID workflow.ts:2:43 cron",
      "DURATION_INVALID workflow.ts:2:20 timeout",
      "FIELD_INVALID package.json cascade.env[0]",
      "FIELD_INVALID workflow.ts:4:4 retry.attempts",
      "FIELD_INVALID workflow.ts:7:4",
      "FIELD_UNKNOWN package.json cascade.entri",
      "FIELD_UNKNOWN workflow.ts:5:4 timeuot",
      "GRAPH_CYCLE workflow.ts:4:4 after",
      "NAME_INVALID workflow.ts:2:20 name",
      "TASK_REPEATED workflow.ts:6:4 name",
      "TASK_UNKNOWN workflow.ts:7:4 after[0]",
      "TIMEZONE_UNKNOWN workflow.ts:2:63 timezone",
    ]);
    expect(problems.every(({ message, hint }) => message !== "" && hint !== "")).toBe(true);
  });
});
