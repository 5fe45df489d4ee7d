import { afterAll, describe, expect, it } from "vitest";
import { testPackageBuilder } from "../support/package-builder.ts";
import { type FolderContent, removeFolder, writePackageFolder } from "../support/package-folder.ts";

const builder = testPackageBuilder({ timeLimitMs: 3_000 });
afterAll(() => builder.close());

const one = `import { workflow } from "cascaded";\nexport default workflow("one").task("a", () => 1);\n`;

async function problemsOf(content: FolderContent) {
  const folder = writePackageFolder(content);
  try {
    return (await builder.inspect(folder)).problems;
  } finally {
    await removeFolder(folder);
  }
}

describe("what cannot be bundled", () => {
  it("names an unresolved module, the chain of imports and what to install", async () => {
    const problems = await problemsOf({
      source: `import "./lib/rows.ts";\n${one}`,
      files: { "lib/rows.ts": `import pad from "@scope/left-pad/even";\nexport default pad;\n` },
    });
    expect(problems).toMatchObject([{ code: "PACK_UNRESOLVED", place: "lib/rows.ts:1:17" }]);
    expect(problems[0]?.message).toContain("workflow.ts → lib/rows.ts → @scope/left-pad/even");
    expect(problems[0]?.hint).toContain("npm install @scope/left-pad`");
  });

  it("names a native module behind a dependency", async () => {
    const problems = await problemsOf({
      source: `import fast from "fast";\n${one.replace("=> 1", "=> fast")}`,
      files: {
        "node_modules/fast/package.json": `{"name":"fast","version":"1.0.0","main":"index.js"}`,
        "node_modules/fast/index.js": `module.exports = require("./build/fast.node");`,
        "node_modules/fast/build/fast.node": "\u007fELF",
      },
    });
    expect(problems).toMatchObject([{ code: "PACK_NATIVE_MODULE" }]);
    expect(problems[0]?.message).toContain('"fast" is a native module (workflow.ts → node_modules/fast/index.js');
  });

  it("sees a native module that is loaded by a path made up at run time", async () => {
    const problems = await problemsOf({
      source: `import db from "dbase";\n${one.replace("=> 1", "=> db")}`,
      files: {
        "node_modules/dbase/package.json": `{"name":"dbase","version":"1.0.0"}`,
        "node_modules/dbase/index.js": `module.exports = require("bindings")("dbase.node");`,
      },
    });
    expect(problems).toMatchObject([{ code: "PACK_NATIVE_MODULE", place: "node_modules/dbase/index.js:1:26" }]);
    expect(problems[0]?.message).toContain('"dbase" loads a native module');
  });

  it("shows every syntax error with its place", async () => {
    const problems = await problemsOf({
      source: `import "./a.ts";\nimport "./b.ts";\n`,
      files: { "a.ts": "let x = ;", "b.ts": "function {" },
    });
    expect(problems.map(({ code, place }) => `${code} ${place}`).sort()).toEqual([
      "PACK_BUNDLE_FAILED a.ts:1:9",
      "PACK_BUNDLE_FAILED b.ts:1:10",
    ]);
  });
});

describe("what cannot be described", () => {
  it.each([
    [
      "throws",
      `const rows: string[] = [];\nthrow new RangeError("no rows" + rows.length);\n`,
      "workflow.ts:4:7",
      "RangeError: no rows0",
    ],
    ["throws what is no error", `throw "a text";\n`, "workflow.ts", "throws a text"],
    ["ends its process", `process.exit(3);\n`, "workflow.ts:3:9", "code 3"],
    ["never settles", `await new Promise(() => {});\n`, "workflow.ts", "waits at its top"],
    ["blocks", `for (;;);\n`, "workflow.ts", "takes longer than 3 s"],
    ["is killed", `process.kill(process.pid, "SIGKILL");\n`, "workflow.ts", "by SIGKILL"],
  ])("a package that %s while it is imported is a problem with its place", async (_, code, place, message) => {
    const problems = await problemsOf({ source: one + code });
    expect(problems).toMatchObject([{ code: "PACK_DESCRIBE_FAILED", place }]);
    expect(problems[0]?.message).toContain(message);
  });

  it("a package that prints and leaves timers behind is none", async () => {
    const code = `console.log("x".repeat(1e6)); setInterval(() => {}, 1000); process.stdout.write("loud");`;
    expect(await problemsOf({ source: one + code })).toEqual([]);
  });

  it("an entry that exports no workflow is a problem", async () => {
    expect(await problemsOf({ source: `export const x = 1;` })).toMatchObject([
      { code: "PACK_NO_WORKFLOW", place: "workflow.ts" },
    ]);
  });

  it("params that JSON Schema cannot describe are a problem", async () => {
    const source = `import { workflow } from "cascaded"; import { z } from "zod";
export const a = workflow("a", { params: z.object({ at: z.date() }) }).task("t", () => 1);
export const b = workflow("b", { params: { parse() {} } as never }).task("t", () => 1);`;
    expect(await problemsOf({ source })).toMatchObject([
      { code: "PARAMS_SCHEMA_UNSUPPORTED", place: "workflow.ts:2:18 params" },
      { code: "PARAMS_SCHEMA_UNSUPPORTED", place: "workflow.ts:3:18 params" },
    ]);
  });

  it("two workflows of one name, and a rule whose params do not satisfy the schema, are problems", async () => {
    const source = `import { workflow, cron } from "cascaded"; import { z } from "zod";
const params = z.object({ day: z.number() });
export const a = workflow("same", { params, on: [
  cron("@daily", { params: { day: "one" } }),
  cron("@hourly"),
  cron("@weekly", { params: { day: 1 } }),
] }).task("t", () => 1);
export const b = workflow("same").task("t", () => 1);`;
    expect(await problemsOf({ source })).toMatchObject([
      { code: "SCHEDULE_PARAMS_INVALID", place: "workflow.ts:4:3 params" },
      { code: "SCHEDULE_PARAMS_INVALID", place: "workflow.ts:5:3 params" },
      { code: "WORKFLOW_REPEATED" },
    ]);
  });
});

describe("what package.json must say", () => {
  it.each([
    [{ name: "@scope/x" }, "NAME_INVALID package.json name"],
    [{ version: "1.0" }, "VERSION_INVALID package.json version"],
    [{ cascade: { entry: "gone.ts" } }, "PACK_ENTRY_MISSING package.json cascade.entry"],
    [{ cascade: { entry: "../workflow.ts" } }, "PACK_ENTRY_MISSING package.json cascade.entry"],
    [{ cascade: { entry: undefined } }, "PACK_ENTRY_MISSING package.json cascade.entry"],
    [{ cascade: { assets: ["gone"] } }, "PACK_ASSET_MISSING gone"],
    [{ cascade: { assets: ["../x"] } }, "PACK_ASSET_MISSING package.json cascade.assets[0]"],
    [{ files: { "package.json": "{" } }, "PACK_MANIFEST_INVALID package.json"],
    [{ files: { "package.json": `{"name":"x","version":"1.0.0"}` } }, "PACK_MANIFEST_INVALID package.json"],
  ])("%j is refused", async (content, expected) => {
    const problems = await problemsOf({ source: one, ...content });
    expect(problems.map(({ code, place }) => `${code} ${place}`)).toEqual([expected]);
  });

  it("building rejects with the first problem and carries all of them", async () => {
    const folder = writePackageFolder({ source: one, version: "x", cascade: { entyr: 1 } });
    const failure: unknown = await builder.build(folder).catch((error: unknown) => error);
    await removeFolder(folder);
    expect(failure).toMatchObject({ code: "VERSION_INVALID", problems: [{}, { code: "FIELD_UNKNOWN" }] });
  });
});

describe("a YAML entry", () => {
  const yaml = `name: nightly
on: { cron: "0 3 * * *", timezone: Europe/Berlin }
params: { type: object, properties: { keep: { type: integer } } }
tasks:
  dump:
    env: { PORT: 010, FLAG: true, EMPTY: }
    run: |
      echo "$PORT"
  upload:
    after: dump
    run: cp a b
    timeout: 5m
    retry: { attempts: 2, backoff: fixed }
---
name: second
tasks: { only: { run: "true" } }
`;

  it("describes commands, one workflow per document, with environment values as they are written", async () => {
    const folder = writePackageFolder({ yaml });
    const { manifest } = await builder.build(folder);
    await removeFolder(folder);
    expect(manifest.files).toEqual([]);
    expect(manifest.workflows).toMatchObject([
      {
        name: "nightly",
        schedules: [{ name: "0 3 * * * Europe/Berlin" }],
        tasks: [
          { name: "dump", command: { run: 'echo "$PORT"\n', env: { PORT: "010", FLAG: "true", EMPTY: "" } } },
          { name: "upload", after: ["dump"], timeoutMs: 300_000, retry: { attempts: 2, backoff: "fixed" } },
        ],
      },
      { name: "second", tasks: [{ name: "only" }] },
    ]);
  });

  it("takes the words of other schedulers for what they mean, and says the right one with an example", async () => {
    const problems = await problemsOf({
      yaml: `name: nightly
schedule: { cron: "0 3 * * *", tz: Europe/Berlin }
steps:
  dump: { command: pg_dump shop, retry: 3 }
  load: { script: ./load, depends_on: [dump], retries: { count: 3 } }
`,
    });
    expect(problems.map(({ place, message }) => `${place} ${message}`).slice(0, 3)).toEqual([
      `workflow.yaml:2:1 there is no key "schedule"; did you mean "on"?`,
      `workflow.yaml:3:1 there is no key "steps"; did you mean "tasks"?`,
      `workflow.yaml:2:32 there is no key "tz" in schedule; did you mean "timezone"?`,
    ]);
    const renamed = await problemsOf({
      yaml: `name: nightly
tasks:
  dump: { command: pg_dump shop, retry: 3 }
  load: { script: ./load, depends_on: [dump], retries: { count: 3 } }
`,
    });
    expect(renamed.map(({ place, message }) => `${place} ${message}`)).toEqual([
      `workflow.yaml:3:11 there is no key "command" in tasks.dump; did you mean "run"?`,
      `workflow.yaml:3:34 retry must be an object, not 3`,
      `workflow.yaml:4:11 there is no key "script" in tasks.load; did you mean "run"?`,
      `workflow.yaml:4:27 there is no key "depends_on" in tasks.load; did you mean "after"?`,
      `workflow.yaml:4:47 there is no key "retries" in tasks.load; did you mean "retry"?`,
      `workflow.yaml:4:3 there is no key "count" in tasks.load.retry; did you mean "attempts"?`,
    ]);
    expect(renamed[1]?.hint).toContain("retry: { attempts: 3 }");
    const [none] = await problemsOf({ yaml: "name: nightly\ntasks: dump\n" });
    expect(none).toMatchObject({ message: `tasks must be a map of names to tasks, not "dump"` });
    expect(none?.hint).toContain("tasks: { dump: { run: pg_dump shop } }");
  });

  it("shows every mistake with line and column", async () => {
    const problems = await problemsOf({
      yaml: `name: Bad_Name
tmeout: 1h
on:
  - cron: "99 * * * *"
tasks:
  a:
    run: echo
    after: [b, ghost]
  b:
    run: 5
    after: a
    timeout: 5 minutes
    retry: { attempts: many }
  a:
    run: again
  c:
`,
    });
    expect(problems.map(({ code, place }) => `${code} ${place}`).sort()).toEqual([
      "CRON_INVALID workflow.yaml:4:5",
      "DURATION_INVALID workflow.yaml:12:5",
      "FIELD_INVALID workflow.yaml:10:5",
      "FIELD_INVALID workflow.yaml:13:14",
      "FIELD_INVALID workflow.yaml:16:3",
      "FIELD_UNKNOWN workflow.yaml:2:1",
      "GRAPH_CYCLE workflow.yaml:11:5",
      "NAME_INVALID workflow.yaml:1:1",
      "TASK_REPEATED workflow.yaml:14:3",
      "TASK_UNKNOWN workflow.yaml:8:16",
    ]);
  });

  it("shows what is no YAML with line and column", async () => {
    expect(await problemsOf({ yaml: "name: x\ntasks: [\n" })).toMatchObject([
      { code: "YAML_INVALID", place: "workflow.yaml:3:1" },
    ]);
    expect(await problemsOf({ yaml: "" })).toMatchObject([{ code: "PACK_NO_WORKFLOW" }]);
  });
});
