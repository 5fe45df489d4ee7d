import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { testArchive } from "../support/checks.ts";
import { testPackageBuilder } from "../support/package-builder.ts";
import { writePackageFolder } from "../support/package-folder.ts";

const run = promisify(execFile);
const builder = testPackageBuilder();
afterAll(() => builder.close());

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cascade-equal-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const source = `import { workflow } from "cascaded";
import { z } from "zod";
import pad from "left-pad";
import { even } from "@scope/even";
import { helper } from "./lib/helper.ts";
export default workflow("equal", { params: z.object({ n: z.number() }) })
  .task("a", ({ params }) => pad(helper(params.n)))
  .task("b", { after: ["a"] }, ({ upstream }) => even(upstream.a.length));
`;
const files = {
  "lib/helper.ts": `export const helper = (n: number) => String(n);\n`,
  "data/rates.csv": "a,b\n",
  "data/ü/tool": { executable: "#!/bin/sh\n" },
};
/** A CommonJS package with a dependency of its own, and an ES module. */
const dependencies = {
  "left-pad/package.json": `{"name":"left-pad","version":"1.0.0","main":"index.js"}`,
  "left-pad/index.js": `const c = require("char"); module.exports = (s) => c + s + __filename.length;\n`,
  "char/package.json": `{"name":"char","version":"1.0.0","main":"lib/index.js"}`,
  "char/lib/index.js": `exports.__esModule = false; module.exports = require("os").EOL;\n`,
  "@scope/even/package.json": `{"name":"@scope/even","version":"1.0.0","type":"module","exports":"./index.js"}`,
  "@scope/even/index.js": `export const even = (n) => n % 2 === 0;\n`,
};

function author(folder: string): string {
  mkdirSync(folder, { recursive: true });
  return writePackageFolder({ source, files, cascade: { assets: ["data"] } }, folder);
}

function install(folder: string): void {
  for (const [path, text] of Object.entries(dependencies)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

describe("equal sources", () => {
  it("give equal bytes wherever they and their dependencies lie", async () => {
    const local = author(join(root, "local"));
    install(join(local, "node_modules"));

    const hoisted = author(join(root, "deep/er/and/deeper/hoisted"));
    install(join(root, "deep/node_modules"));

    // As npm and pnpm link: to a folder of another name elsewhere, whose own dependency lies beside it.
    const linked = author(join(root, "linked"));
    install(join(root, "elsewhere/node_modules"));
    mkdirSync(join(linked, "node_modules/@scope"), { recursive: true });
    for (const [name, target] of [
      ["left-pad", "pad-sources"],
      ["@scope/even", "even-sources"],
    ] as const) {
      renameSync(join(root, "elsewhere/node_modules", name), join(root, "elsewhere", target));
      symlinkSync(join(root, "elsewhere", target), join(linked, "node_modules", name));
    }

    const stored = author(join(root, "stored"));
    for (const name of ["left-pad", "char", "@scope/even"]) {
      const home = join(stored, "node_modules/.pnpm", `${name.replace("/", "+")}@1.0.0/node_modules`);
      install(home);
    }
    mkdirSync(join(stored, "node_modules/@scope"));
    symlinkSync(".pnpm/left-pad@1.0.0/node_modules/left-pad", join(stored, "node_modules/left-pad"));
    symlinkSync("../.pnpm/@scope+even@1.0.0/node_modules/@scope/even", join(stored, "node_modules/@scope/even"));

    const first = await builder.build(local);
    for (const folder of [hoisted, linked, stored]) {
      const other = await builder.build(folder);
      expect(other.manifest).toEqual(first.manifest);
      expect(other.bytes.equals(first.bytes)).toBe(true);
    }
    expect(first.manifest.files.map(({ path, mode }) => `${path} ${mode.toString(8)}`)).toEqual([
      "assets/data/rates.csv 644",
      "assets/data/ü/tool 755",
      "bundle.mjs 644",
      "bundle.mjs.map 644",
    ]);
  });

  it("give equal bytes under another umask, zone, locale and file time", async () => {
    const folder = author(join(root, "one"));
    install(join(folder, "node_modules"));
    const first = await builder.build(folder);
    const { TZ, LANG, LC_ALL } = process.env;
    const umask = process.umask(0o077);
    try {
      Object.assign(process.env, { TZ: "Asia/Kathmandu", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" });
      const again = author(join(root, "two"));
      install(join(again, "node_modules"));
      utimesSync(join(again, "data/rates.csv"), 1, 1);
      const second = await builder.build(again);
      expect(second.bytes.equals(first.bytes)).toBe(true);
    } finally {
      process.umask(umask);
      for (const [name, value] of Object.entries({ TZ, LANG, LC_ALL })) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });

  it("give an equal bundle whether zod is the package's own or the program's", async () => {
    const without = author(join(root, "without"));
    install(join(without, "node_modules"));
    const first = await builder.build(without);
    const own = author(join(root, "own"));
    install(join(own, "node_modules"));
    cpSync("node_modules/zod", join(own, "node_modules/zod"), { recursive: true });
    expect((await builder.build(own)).digest).toBe(first.digest);
  });

  it("are not disturbed by a tsconfig.json above the folder", async () => {
    const plain = author(join(root, "plain"));
    install(join(plain, "node_modules"));
    const below = author(join(root, "strange/below"));
    install(join(below, "node_modules"));
    writeFileSync(join(root, "strange/tsconfig.json"), `{"compilerOptions":{"paths":{"left-pad":["./nowhere.ts"]}}}`);
    expect((await builder.build(below)).digest).toBe((await builder.build(plain)).digest);
  });
});

describe("a change of the source", () => {
  const two = (a: string, shared = "1") => `import { workflow } from "cascaded";
const shared = ${shared};
export default workflow("w").task("a", () => ${a}).task("b", () => shared);`;

  async function fingerprint(text: string, extra = {}) {
    const folder = writePackageFolder({ source: text, ...extra }, mkdtempSync(join(root, "v-")));
    return (await builder.build(folder)).manifest.fingerprint;
  }

  it("in one task changes that task's digest alone", async () => {
    const before = await fingerprint(two("1"));
    const after = await fingerprint(two("2"));
    expect({ ...after, tasks: { ...after.tasks, "w/a": before.tasks["w/a"] } }).toEqual(before);
    expect(after.tasks["w/a"]).not.toBe(before.tasks["w/a"]);
  });

  it("in comments and layout changes nothing", async () => {
    expect(await fingerprint(two("1").replaceAll(";", ";\n\n   "))).toEqual(await fingerprint(`// note\n${two("1")}`));
  });

  it("outside of tasks changes the shared component, and an option the policies alone", async () => {
    const before = await fingerprint(two("1"));
    const sources = { "workflow.ts": expect.any(String) };
    expect(await fingerprint(two("1", "2"))).toEqual({ ...before, shared: expect.any(String), sources });
    const after = await fingerprint(two("1").replace(`"a", `, `"a", { timeout: "1s" }, `));
    expect(after).toEqual({ ...before, policies: expect.any(String) });
    expect(after.policies).not.toBe(before.policies);
  });

  const rich = {
    source: `import { workflow, cron } from "cascaded";
import { z } from "zod";
import { helper } from "./lib/helper.ts";
const load = async () => helper(2);
export default workflow("w", {
  description: "what it does",
  params: z.object({ n: z.number().default(/[,)]/.test(\`\${"}"},\`) ? 1 : 2) }),
  on: [cron("0 2 * * *", { timezone: "Europe/Berlin" })],
  timeout: "1h",
})
  .task("a", { retry: { attempts: 3 } }, ({ params }) => helper(params.n))
  .task("b", { after: ["a"], timeout: "5m" }, load)
  .task("c", () => {});
`,
    files: { "lib/helper.ts": "const same = () => {};\nexport const helper = (n: number) => [String(n), same];\n" },
  };
  const changed = async (from: string, to: string) => {
    const [before, after] = [await fingerprint(rich.source, { files: rich.files }), await other(from, to)];
    return Object.keys(after).filter(
      (key) => JSON.stringify(after[key as never]) !== JSON.stringify(before[key as never]),
    );
  };
  const other = (from: string, to: string) => {
    const edit = (text: string) => text.replace(from, to);
    return fingerprint(edit(rich.source), { files: { "lib/helper.ts": edit(rich.files["lib/helper.ts"]) } });
  };

  it.each([
    ["a description", "what it does", "something else", []],
    ["a rule", "0 2 * * *", "0 3 * * *", ["triggers"]],
    ["a limit behind the schema", `timeout: "1h"`, `timeout: "2h"`, ["policies"]],
    ["a new option", `task("c", `, `task("c", { timeout: "1s" }, `, ["policies"]],
    ["a dependency", `task("c", `, `task("c", { after: ["a"] }, `, ["structure"]],
    ["a task", `("c", () => {})`, `("c", () => {}).task("d", () => 4)`, ["structure", "policies", "tasks"]],
    ["the schema", "z.number()", "z.int()", ["schema", "schemas"]],
    ["what only the schema's code says", "? 1 : 2", "? 1 : 1 + 1", ["schema", "schemas"]],
    ["a function that stands elsewhere", "helper(2)", "helper(3)", ["tasks"]],
    ["a function whose text is also in a helper", `"c", () => {}`, `"c", () => 1`, ["tasks"]],
    ["a helper", "String(n)", "`${n}`", ["shared", "sources"]],
  ])("in %s changes nothing else", async (_, from, to, components) => {
    expect(await changed(from, to)).toEqual(components);
  });

  it("in an option that is computed changes the code that computes it, too", async () => {
    const limit = (text: string) => two("1").replace(`"a", `, `"a", { timeout: ${text} }, `);
    const before = await fingerprint(limit(`shared + "s"`));
    const after = await fingerprint(limit(`shared + "m"`));
    expect(after).toEqual({
      ...before,
      policies: expect.any(String),
      shared: expect.any(String),
      sources: expect.any(Object),
    });
  });

  it("of a dependency is that of its folder", async () => {
    const text = `import { workflow } from "cascaded"; import dep from "@x/dep"; export default workflow("w").task("a", () => dep());`;
    const using = (n: number) =>
      fingerprint(text, { files: { "node_modules/@x/dep/index.js": `module.exports = () => ${n};` } });
    const [before, after] = [await using(1), await using(2)];
    expect(Object.keys(before.sources!)).toEqual(["node_modules/@x/dep", "workflow.ts"]);
    expect(after.sources).toEqual({ ...before.sources, "node_modules/@x/dep": expect.any(String) });
    expect(after.sources).not.toEqual(before.sources);
    expect(after.tasks).toEqual(before.tasks);
  });
});

describe("a bundle", () => {
  it("runs CommonJS dependencies and lets the author define require and __dirname too", async () => {
    const folder = writePackageFolder(
      {
        source: `import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { workflow } from "cascaded";
import old from "old";
const require = createRequire(import.meta.url);
const __dirname = dirname(fileURLToPath(import.meta.url));
const __filename = fileURLToPath(import.meta.url);
export const places = [require("node:os").EOL, __dirname, __filename, old.dir, old.file, old.late()];
export default workflow("cjs").task("a", () => places);`,
        files: {
          "node_modules/old/package.json": `{"name":"old","version":"1.0.0"}`,
          "node_modules/old/index.js": `module.exports = { dir: __dirname, file: __filename, late: () => require("f" + "s").constants.R_OK };`,
        },
      },
      join(root, "cjs"),
    );
    const target = await unpack(folder);
    const print = `const { places } = await import(process.argv[1]); console.log(JSON.stringify(places));`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", print, target]);
    const bundle = fileURLToPath(target);
    expect(JSON.parse(stdout)).toEqual(["\n", dirname(bundle), bundle, dirname(bundle), bundle, 4]);
  });

  it("leads from an error in a task to the author's line", async () => {
    const folder = writePackageFolder(
      {
        source: `import { workflow } from "cascaded";
import { fail } from "./lib/fail.ts";
export default workflow("failing").task("a", () => fail({ reason: "none" }));`,
        files: {
          "lib/fail.ts": `interface Why { reason: string }\n\nexport function fail(why: Why): number {\n  throw new Error(why.reason);\n}\n`,
        },
      },
      join(root, "failing"),
    );
    const print = `const m = (await import(process.argv[1])).default[Symbol.for("cascade.workflow.v1")];
      try { m.tasks[0].run({}); } catch (error) { console.log(error.stack); }`;
    const args = ["--enable-source-maps", "--input-type=module", "-e", print, await unpack(folder)];
    const { stdout } = await run(process.execPath, args);
    expect(stdout).toContain("lib/fail.ts:4:9");
    expect(stdout).toContain("workflow.ts:3:52");
  });

  /** The URL of the bundle in a folder with the package's files. */
  async function unpack(folder: string): Promise<string> {
    const { bytes } = await builder.build(folder);
    const reading = await testArchive().read(bytes);
    if (reading.kind !== "whole") throw reading.error;
    const target = mkdtempSync(join(root, "unpacked-"));
    for (const [path, content] of reading.content.files) writeFileSync(join(target, path), content);
    return pathToFileURL(join(target, "bundle.mjs")).href;
  }
});
