import { buildSync } from "esbuild";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { testPackageBuilder } from "../support/package-builder.ts";
import { type FolderContent, removeFolder, writePackageFolder } from "../support/package-folder.ts";
import { runPacked } from "../support/run-packed.ts";
import { testArchive } from "../support/checks.ts";

const builder = testPackageBuilder();
afterAll(() => builder.close());

/** A package whose only task is the body of an async function. */
function taskOf(imports: string, body: string): string {
  return `import { workflow } from "cascaded";\n${imports}\nexport default workflow("one").task("a", async () => {${body}});\n`;
}

type Files = Record<string, string>;

function dependency(name: string, files: Files, members: object = {}): Files {
  const all = { "package.json": JSON.stringify({ name, version: "1.0.0", ...members }), ...files };
  return Object.fromEntries(Object.entries(all).map(([path, text]) => [`node_modules/${name}/${path}`, text]));
}

async function inspect(content: FolderContent) {
  const folder = writePackageFolder(content);
  try {
    const { built, problems, warnings } = await builder.inspect(folder);
    return {
      built,
      problems,
      warnings,
      codes: [...problems, ...warnings].map(({ code, place }) => `${code} ${place}`),
    };
  } finally {
    await removeFolder(folder);
  }
}

async function run(content: FolderContent) {
  const { built, problems, warnings } = await inspect(content);
  expect(problems).toEqual([]);
  return { output: await runPacked(built!.bytes), warnings, built: built! };
}

describe("a compiled add-on", () => {
  const addon = {
    ...dependency("fastutil", {
      "index.js": `try { module.exports = require("node-gyp-build")(__dirname); } catch { module.exports = require("./fallback"); }`,
      "fallback.js": `module.exports = { name: "fallback" };`,
      "binding.gyp": "{}",
      "prebuilds/linux-x64/fastutil.node": "\u007fELF",
    }),
    ...dependency("node-gyp-build", { "index.js": `module.exports = () => ({ name: "compiled" });` }),
  };

  it("that a dependency can do without is left out, and its fallback runs", async () => {
    const { output } = await run({ source: taskOf(`import fast from "fastutil";`, "return fast.name;"), files: addon });
    expect(output).toBe("fallback");
  });

  it("whose whole dependency is optional is left out with it", async () => {
    const files = {
      ...dependency("ssh", {
        "index.js": `let cpu; try { cpu = require("cpu-features"); } catch (error) { cpu = error.code; } module.exports = cpu;`,
      }),
      ...dependency(
        "cpu-features",
        {
          "lib/index.js": `module.exports = require("../build/Release/cpu.node");`,
          "build/Release/cpu.node": "\u007fELF",
        },
        { main: "lib/index.js" },
      ),
    };
    const { output } = await run({ source: taskOf(`import cpu from "ssh";`, "return cpu;"), files });
    expect(output).toBe("MODULE_NOT_FOUND");
  });

  it("that is found by a path made up at run time is refused with the chain of imports, even inside of a task", async () => {
    const files = {
      ...dependency(
        "picture",
        {
          "lib/index.js": `module.exports = require("./load");`,
          "lib/load.js": `const paths = ["@img/picture-" + process.platform + "/picture.node"];
let found; for (const path of paths) { try { found = require(path); } catch {} }
if (!found) throw new Error("Could not load the picture module"); module.exports = found;`,
        },
        { main: "lib/index.js", optionalDependencies: { "@img/picture-linux-x64": "1.0.0" } },
      ),
      ...dependency("@img/picture-linux-x64", { "picture.node": "\u007fELF" }, { os: ["linux"], cpu: ["x64"] }),
    };
    const source = taskOf("", `return (await import("picture")).default;`);
    const { problems } = await inspect({ source, files });
    expect(problems).toMatchObject([{ code: "PACK_NATIVE_MODULE", place: "node_modules/picture/lib/load.js" }]);
    expect(problems[0]?.message).toBe(
      `"picture" loads a native module (workflow.ts → node_modules/picture/lib/index.js → node_modules/picture/lib/load.js)`,
    );
    expect(problems[0]?.hint).toContain(`"external": ["picture"]`);
    const leftOut = await run({ source, files, cascade: { external: ["picture"] } });
    expect(leftOut.output).toMatchObject({ code: "ERR_MODULE_NOT_FOUND" });
  });

  it("that comes as one package for each platform is refused where nothing stands in for it", async () => {
    const files = {
      ...dependency(
        "hash",
        {
          "index.js": `let native;
try { native = require("./hash.linux-x64.node"); } catch { try { native = require("@node-rs/hash-linux-x64-gnu"); } catch {} }
if (!native) throw new Error("Failed to load native binding"); module.exports = native;`,
        },
        { optionalDependencies: { "@node-rs/hash-linux-x64-gnu": "1.0.0" } },
      ),
      ...dependency("@node-rs/hash-linux-x64-gnu", { "hash.node": "\u007fELF" }, { main: "hash.node" }),
    };
    const { problems } = await inspect({ source: taskOf("", `return import("hash");`), files });
    expect(problems).toMatchObject([{ code: "PACK_NATIVE_MODULE" }]);
    expect(problems[0]?.message).toContain("workflow.ts → node_modules/hash/index.js");
  });

  it("is told by the pattern of its path, too", async () => {
    const files = dependency("sharpen", {
      "index.js": `module.exports = require(\`../src/build/sharpen-\${process.platform}.node\`);`,
    });
    const { problems } = await inspect({ source: taskOf(`import s from "sharpen";`, "return s;"), files });
    expect(problems).toMatchObject([{ code: "PACK_NATIVE_MODULE", place: "node_modules/sharpen/index.js:1:26" }]);
  });
});

describe("a module that is not installed", () => {
  const drivers = dependency("orm", {
    "index.js": `module.exports = (name) => drivers[name]();
const drivers = { good: () => require("./good"), mysql: () => require("mysql2"), odd: () => require("./odd") };`,
    "good.js": `let native = null; try { native = require("pg-native"); } catch (error) { native = error.code; } module.exports = { native };`,
    "odd.js": `const odd = require("oracle/thin"); module.exports = odd;`,
  });

  it("is missed only where a dependency asks for it, and warned of when it is packed", async () => {
    const used = await run({ source: taskOf(`import orm from "orm";`, `return orm("good");`), files: drivers });
    expect(used.output).toEqual({ native: "MODULE_NOT_FOUND" });
    expect(used.warnings.map(({ code, place }) => `${code} ${place}`).sort()).toEqual([
      "PACK_UNRESOLVED node_modules/orm/good.js",
      "PACK_UNRESOLVED node_modules/orm/index.js",
      "PACK_UNRESOLVED node_modules/orm/odd.js",
    ]);
    expect(used.warnings.find(({ message }) => message.includes(`"mysql2"`))?.message).toBe(
      `cannot find "mysql2" (workflow.ts → node_modules/orm/index.js → mysql2); what gets there fails`,
    );
    const reached = await run({ source: taskOf(`import orm from "orm";`, `return orm("mysql");`), files: drivers });
    expect(reached.output).toEqual({ code: "MODULE_NOT_FOUND", message: "Cannot find module 'mysql2'" });
  });

  it("fails each time that it is reached", async () => {
    const body = `const codes = []; for (let i = 0; i < 2; i++) try { orm("odd"); } catch (error) { codes.push(error.code); } return codes;`;
    const { output } = await run({ source: taskOf(`import orm from "orm";`, body), files: drivers });
    expect(output).toEqual(["MODULE_NOT_FOUND", "MODULE_NOT_FOUND"]);
  });

  it("is an error when it is needed as soon as the package is imported", async () => {
    const source = taskOf(`import orm from "orm"; const db = orm("odd");`, "return db;");
    const { problems } = await inspect({ source, files: drivers });
    expect(problems).toMatchObject([{ code: "PACK_UNRESOLVED", place: "workflow.ts:2:35" }]);
    expect(problems[0]?.message).toContain(
      "workflow.ts → node_modules/orm/index.js → node_modules/orm/odd.js → oracle/thin",
    );
  });

  it("is left out without a word when `cascade.external` names it", async () => {
    const { warnings, output } = await run({
      source: taskOf(`import orm from "orm";`, `return orm("odd");`),
      files: drivers,
      cascade: { external: ["mysql2", "oracle", "pg-native"] },
    });
    expect(warnings).toEqual([]);
    expect(output).toMatchObject({ code: "MODULE_NOT_FOUND" });
  });

  it("is told apart from one that `cascade.external` leaves out and the package needs at once", async () => {
    const source = taskOf(`import orm from "orm";`, "return orm;");
    const { problems } = await inspect({ source, files: drivers, cascade: { external: ["orm"] } });
    expect(problems).toMatchObject([{ code: "PACK_UNRESOLVED" }]);
    expect(problems[0]?.hint).toContain('`cascade.external` in package.json leaves "orm" out');
  });

  it.each([
    ["a package that is called like the SDK", `import x from "cascade";`, `Did you mean "cascaded"?`],
    ["a module of Node", `import x from "node:fss";`, `Did you mean "node:fs"?`],
  ])("is set right when it is %s", async (_, imports, hint) => {
    const { problems } = await inspect({ source: taskOf(imports, "return x;") });
    expect(problems).toMatchObject([{ code: "PACK_UNRESOLVED", place: expect.stringMatching(/^workflow\.ts:2:/) }]);
    expect(problems[0]?.hint).toContain(hint);
  });

  it("is none of `cascade.external` when it is no name", async () => {
    const cascade = { external: ["./lib", 5, "cascaded"] };
    const { problems } = await inspect({ source: taskOf("", "return 1;"), cascade });
    expect(problems.map(({ place }) => place)).toEqual([0, 1, 2].map((n) => `package.json cascade.external[${n}]`));
  });
});

describe("names", () => {
  it("of classes and functions are those of plain Node, wherever there are two of them", async () => {
    const { output } = await run({
      source: taskOf(
        `import { Job, work } from "./a.ts"; import { Job as Other, work as other } from "./b.ts";`,
        "return [new Job().constructor.name, new Other().constructor.name, Job.name, work.name, other.name];",
      ),
      files: {
        "a.ts": `export class Job {}\nexport const work = () => 1;`,
        "b.ts": `export class Job {}\nexport function work() {}`,
      },
    });
    expect(output).toEqual(["Job", "Job", "Job", "work", "work"]);
  });
});

describe("what a module makes a `require` of its own for", () => {
  it.each(["require", "load"])("is packed (%s)", async (name) => {
    const { output } = await run({
      source: taskOf(
        `import { createRequire } from "node:module"; import tree from "tree";
const ${name} = createRequire(import.meta.url); const data = ${name}("./data.json");`,
        `return [data.rows, tree];`,
      ),
      files: {
        "data.json": `{ "rows": 3 }`,
        ...dependency(
          "tree",
          {
            "index.js": `import { createRequire as make } from "module"; const req = make(import.meta.url);
export default req("../mdn/at.json").rules;`,
          },
          { type: "module" },
        ),
        ...dependency("mdn", { "at.json": `{ "rules": 7 }` }),
      },
    });
    expect(output).toEqual([3, 7]);
  });

  it("names the dependency when only a running program can tell what it is", async () => {
    const files = dependency("odd", {
      "index.js": `const name = ["./x", ".json"].join(""); module.exports = require(name);`,
      "x.json": "{}",
    });
    const { problems } = await inspect({ source: taskOf(`import odd from "odd";`, "return odd;"), files });
    expect(problems).toMatchObject([{ code: "PACK_UNRESOLVED" }]);
    expect(problems[0]?.message).toBe(`node_modules/odd/index.js needs "./x.json" as soon as it is imported`);
  });
});

describe("a linked dependency with a tsconfig.json of its own", () => {
  it("is resolved and compiled by that one", async () => {
    const root = mkdtempSync(join(tmpdir(), "cascade-linked-"));
    const shared = join(root, "shared");
    mkdirSync(join(shared, "src"), { recursive: true });
    const config = { compilerOptions: { paths: { "~/*": ["./src/*"] }, experimentalDecorators: true } };
    writeFileSync(join(shared, "package.json"), `{"name":"@x/shared","version":"1.0.0","main":"index.ts"}`);
    writeFileSync(join(shared, "tsconfig.json"), `{ // its own\n${JSON.stringify(config).slice(1)}`);
    writeFileSync(join(shared, "src/rows.ts"), "export const rows: number = 5;\n");
    writeFileSync(
      join(shared, "index.ts"),
      `import { rows } from "~/rows";
const seen: string[] = [];
const note = (_: object, key: string) => void seen.push(key);
class Job { @note run() {} }
export const result = () => [rows, ...seen, Job.name];\n`,
    );
    const folder = writePackageFolder(
      { source: taskOf(`import { result } from "@x/shared";`, "return result();") },
      join(root, "app"),
    );
    mkdirSync(join(folder, "node_modules/@x"), { recursive: true });
    symlinkSync("../../../shared", join(folder, "node_modules/@x/shared"));
    writeFileSync(join(folder, "tsconfig.json"), `{"compilerOptions":{"paths":{"~/*":["./none/*"]}}}`);
    const { built, problems } = await builder.inspect(folder);
    expect(problems).toEqual([]);
    expect(await runPacked(built!.bytes)).toEqual([5, "run", "Job"]);
    await removeFolder(root);
  });
});

describe("a warning", () => {
  it("of the bundler is shown with its place", async () => {
    const { warnings } = await inspect({
      source: taskOf(`import "./lib/setup.ts";`, "return 1;"),
      files: { "lib/package.json": `{"sideEffects": false}`, "lib/setup.ts": "globalThis.name = 1;" },
    });
    expect(warnings).toMatchObject([{ code: "PACK_SUSPECT", place: "workflow.ts:2:8" }]);
    expect(warnings[0]?.message).toContain("no side effects");
  });

  it.each([
    ["in tsconfig.json", `{ "compilerOptions": { /* why */ "emitDecoratorMetadata": true, } }`, {}],
    [
      "in what it extends",
      `{ "extends": "./base" }`,
      { "base.json": `{"compilerOptions":{"emitDecoratorMetadata":true}}` },
    ],
  ])("tells that emitDecoratorMetadata has no effect, %s", async (_, tsconfig, files) => {
    const { warnings } = await inspect({
      source: taskOf("", "return 1;"),
      files: { "tsconfig.json": tsconfig, ...files },
    });
    expect(warnings).toMatchObject([
      { code: "PACK_SUSPECT", place: "tsconfig.json compilerOptions.emitDecoratorMetadata" },
    ]);
  });

  it("names each variable that is read and not declared, once, with its place", async () => {
    const body = `const { B, C: c } = process.env;
return [process.env.A, process.env["A"], process.env.DECLARED, process.env.PATH, process.env.CASCADE_TASK, B, c]; /* process.env.NO */`;
    const { warnings } = await inspect({ source: taskOf("", body), cascade: { env: ["DECLARED"] } });
    expect(warnings.map(({ code, place, message }) => `${code} ${place} ${message}`)).toEqual([
      expect.stringMatching(/^ENV_UNDECLARED workflow\.ts:4:9 process\.env\.A /),
      expect.stringMatching(/^ENV_UNDECLARED workflow\.ts process\.env\.B /),
      expect.stringMatching(/^ENV_UNDECLARED workflow\.ts process\.env\.C /),
    ]);
  });

  it("names a workflow that was made and not exported", async () => {
    const { warnings } = await inspect({
      source: `${taskOf("", "return 1;")}workflow("lost").task("b", () => 1);`,
    });
    expect(warnings).toMatchObject([{ code: "PACK_NO_WORKFLOW", place: "workflow.ts:4:1" }]);
    expect(warnings[0]?.message).toContain(`"lost"`);
  });
});

describe("workflows", () => {
  it.each([
    [
      "of a CommonJS entry",
      `const { workflow } = require("cascaded"); module.exports = { one: workflow("one").task("a", () => 1) };`,
      {},
    ],
    [
      "of a namespace",
      `export * as jobs from "./jobs.ts";`,
      { "jobs.ts": `import { workflow } from "cascaded"; export const one = workflow("one").task("a", () => 1);` },
    ],
    ["in a list", `import { workflow } from "cascaded"; export const all = [workflow("one").task("a", () => 1)];`, {}],
  ])("%s are found", async (_, source, files) => {
    const { built, problems } = await inspect({
      files: { "entry.js": source, ...files },
      cascade: { entry: "entry.js" },
    });
    expect(problems).toEqual([]);
    expect(built?.manifest.workflows.map(({ name }) => name)).toEqual(["one"]);
    expect(await tasksIn(built!.bytes)).toEqual(["one/a"]);
  });
});

/** As a task process finds them. */
async function tasksIn(bytes: Buffer): Promise<unknown> {
  const reading = await testArchive().read(bytes);
  if (reading.kind !== "whole") throw reading.error;
  const folder = mkdtempSync(join(tmpdir(), "cascade-exports-"));
  try {
    writeFileSync(join(folder, "bundle.mjs"), reading.content.files.get("bundle.mjs")!);
    const entryPoints = [fileURLToPath(new URL("../../src/adapters/process/child/bundle.ts", import.meta.url))];
    buildSync({ entryPoints, outfile: join(folder, "child.mjs"), bundle: true, platform: "node", format: "esm" });
    const script = `import { importTasks } from "./child.mjs";
process.stdout.write(JSON.stringify([...(await importTasks("${folder}/bundle.mjs")).keys()]));`;
    writeFileSync(join(folder, "run.mjs"), script);
    return JSON.parse(execFileSync(process.execPath, [join(folder, "run.mjs")], { encoding: "utf8" }));
  } finally {
    await removeFolder(folder);
  }
}

describe("params of zod 3", () => {
  it("are refused with the version that is installed", async () => {
    const files = dependency(
      "zod",
      { "index.js": `exports.z = { object: () => ({ parse() {}, "~standard": { vendor: "zod", validate() {} } }) };` },
      { version: "3.24.1" },
    );
    const source = `import { workflow } from "cascaded"; import { z } from "zod";
export default workflow("one", { params: z.object() as never }).task("a", () => 1);`;
    const { problems } = await inspect({ source, files });
    expect(problems).toMatchObject([
      { code: "PARAMS_SCHEMA_UNSUPPORTED", message: expect.stringContaining("zod 3.24.1 is installed") },
    ]);
    expect(problems[0]?.hint).toContain("npm install zod@4");
  });
});
