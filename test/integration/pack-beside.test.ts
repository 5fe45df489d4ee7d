import { afterAll, describe, expect, it } from "vitest";
import { testPackageBuilder } from "../support/package-builder.ts";
import { type FolderContent, removeFolder, writePackageFolder } from "../support/package-folder.ts";
import { runPacked } from "../support/run-packed.ts";

const builder = testPackageBuilder();
afterAll(() => builder.close());

async function inspect(content: FolderContent) {
  const folder = writePackageFolder(content);
  try {
    return await builder.inspect(folder);
  } finally {
    await removeFolder(folder);
  }
}

function taskOf(imports: string, body: string): string {
  return `import { workflow } from "cascaded";\n${imports}\nexport default workflow("one").task("a", async () => {${body}});\n`;
}

const reading = `import { readFileSync, readdirSync } from "node:fs"; import path, { dirname, join } from "node:path"; import { fileURLToPath } from "node:url";`;

describe("data that a module reads by its own place", () => {
  it.each([
    ["a URL", `readFileSync(new URL("./data/rows.csv", import.meta.url), "utf8")`],
    [
      "a URL of a constant",
      `(() => { const base = import.meta.url; return readFileSync(new URL("data/rows.csv", base), "utf8"); })()`,
    ],
    ["join and __dirname", `readFileSync(path.join(__dirname, "data", "rows.csv"), "utf8")`],
    ["import.meta.dirname", `readFileSync(join(import.meta.dirname, "data/rows.csv"), "utf8")`],
    ["a sum", `readFileSync(__dirname + "/data/rows.csv", "utf8")`],
    ["a template", "readFileSync(`${__dirname}/data/rows.csv`, 'utf8')"],
    ["a folder of its own", `readFileSync(join(dirname(fileURLToPath(import.meta.url)), "data", "rows.csv"), "utf8")`],
    [
      "a constant",
      `(() => { const here = dirname(fileURLToPath(import.meta.url)); const data = join(here, "data"); return readFileSync(join(data, "rows.csv"), "utf8"); })()`,
    ],
    ["a name made up in a folder", `readFileSync(join(__dirname, "data", ["rows", "csv"].join(".")), "utf8")`],
    ["a folder", `readFileSync(join(__dirname, "data", readdirSync(join(__dirname, "data"))[0]), "utf8")`],
  ])("is packed: %s", async (_, read) => {
    const { built, problems, warnings } = await inspect({
      source: taskOf(`import { rows } from "./lib/rows.ts";`, "return rows();"),
      files: { "lib/rows.ts": `${reading}\nexport const rows = () => ${read};`, "lib/data/rows.csv": "1,2\n" },
    });
    expect([...problems, ...warnings]).toEqual([]);
    expect(built?.manifest.files.map(({ path }) => path)).toContain("assets/.modules/lib/data/rows.csv");
    expect(await runPacked(built!.bytes)).toBe("1,2\n");
  });

  it("is packed for a dependency, too", async () => {
    const { built, problems } = await inspect({
      source: taskOf(`import page from "page";`, "return page;"),
      files: {
        "node_modules/page/package.json": `{"name":"page","version":"1.0.0","main":"lib/index.js"}`,
        "node_modules/page/lib/index.js": `const fs = require("fs"), path = require("path");
const root = path.join(__dirname, "..");
module.exports = [fs.readFileSync(path.resolve(__dirname, "./style.css"), "utf8"), require(path.join(root, "package.json")).version];`,
        "node_modules/page/lib/style.css": "p {}",
      },
    });
    expect(problems).toEqual([]);
    expect(await runPacked(built!.bytes)).toEqual(["p {}", "1.0.0"]);
  });

  it("is an error that names the file and the way out when its name is made up at run time", async () => {
    const { problems } = await inspect({
      source: taskOf(`${reading}`, "return [1].map((n) => readFileSync(join(__dirname, `${n}.csv`)));"),
      files: { "1.csv": "1" },
    });
    expect(problems).toMatchObject([{ code: "PACK_ASSET_MISSING", place: "workflow.ts" }]);
    expect(problems[0]?.hint).toContain("cascade.assets");
  });

  it("is warned of when it is not there", async () => {
    const { problems, warnings } = await inspect({
      source: taskOf(`${reading}`, `return readFileSync(new URL("./gone.csv", import.meta.url));`),
    });
    expect(problems).toEqual([]);
    expect(warnings).toMatchObject([{ code: "PACK_ASSET_MISSING", place: "workflow.ts" }]);
    expect(warnings[0]?.message).toContain("gone.csv");
  });

  it("leaves the digest of a package that names none as it was, wherever the module lies", async () => {
    const { built } = await inspect({ source: taskOf("", "return import.meta.url === __filename;") });
    expect(built?.manifest.files.map(({ path }) => path)).toEqual(["bundle.mjs", "bundle.mjs.map"]);
  });
});

describe("code that a module runs by its own place", () => {
  const answer = `import { parentPort } from "node:worker_threads"; import { twice } from "./twice.ts"; parentPort!.postMessage(twice(21));`;
  const ask = (
    start: string,
  ) => `import { Worker } from "node:worker_threads"; import { once } from "node:events"; import { fileURLToPath } from "node:url";
export const ask = async () => { const worker = ${start}; const [message] = await once(worker, "message"); return message; };`;

  it.each([
    [
      "JavaScript",
      "w.mjs",
      answer.replace("!", "").replace("./twice.ts", "./twice.ts"),
      `new Worker(new URL("./w.mjs", import.meta.url))`,
    ],
    ["TypeScript", "w.ts", answer, `new Worker(new URL("./w.ts", import.meta.url))`],
    ["TypeScript by the name of its JavaScript", "w.ts", answer, `new Worker(new URL("./w.js", import.meta.url))`],
    [
      "CommonJS by its path",
      "w.cjs",
      `const { parentPort } = require("worker_threads"); parentPort.postMessage(require("./twice.ts").twice(21));`,
      `new Worker(fileURLToPath(new URL("./w.cjs", import.meta.url)))`,
    ],
  ])("is bundled by itself: a worker in %s", async (_, file, source, start) => {
    const { built, problems } = await inspect({
      source: taskOf(`import { ask } from "./lib/ask.ts";`, "return ask();"),
      files: {
        "lib/ask.ts": ask(start),
        [`lib/${file}`]: source,
        "lib/twice.ts": `export const twice = (n: number): number => 2 * n;`,
      },
    });
    expect(problems).toEqual([]);
    expect(await runPacked(built!.bytes)).toBe(42);
  });

  it("may be the module itself", async () => {
    const { built, problems } = await inspect({
      source: taskOf(`import { ask } from "./self.ts";`, "return ask();"),
      files: {
        "self.ts": `import { Worker, isMainThread, parentPort } from "node:worker_threads"; import { once } from "node:events";
if (!isMainThread) parentPort!.postMessage(42);
export const ask = async () => (await once(new Worker(new URL(import.meta.url)), "message"))[0];`,
      },
    });
    expect(problems).toEqual([]);
    expect(await runPacked(built!.bytes)).toBe(42);
  });

  it("may read data and start further code", async () => {
    const { built, problems } = await inspect({
      source: taskOf(`import { ask } from "./ask.ts";`, "return ask();"),
      files: {
        "ask.ts": ask(`new Worker(new URL("./w.mjs", import.meta.url))`),
        "w.mjs": `import { parentPort } from "node:worker_threads"; import { readFileSync } from "node:fs";
parentPort.postMessage(readFileSync(new URL("./lib/n.txt", import.meta.url), "utf8"));`,
        "lib/n.txt": "42",
      },
    });
    expect(problems).toEqual([]);
    expect(await runPacked(built!.bytes)).toBe("42");
  });

  it("shows what is wrong with it", async () => {
    const { problems } = await inspect({
      source: taskOf(`import { ask } from "./ask.ts";`, "return ask();"),
      files: { "ask.ts": ask(`new Worker(new URL("./w.mjs", import.meta.url))`), "w.mjs": `import "gone";` },
    });
    expect(problems).toMatchObject([{ code: "PACK_UNRESOLVED", place: "w.mjs:1:8" }]);
  });

  it("is found where `require.resolve` names it", async () => {
    const { built, problems } = await inspect({
      source: taskOf(`import dom from "dom";`, "return dom();"),
      files: {
        "node_modules/dom/package.json": `{"name":"dom","version":"1.0.0"}`,
        "node_modules/dom/index.js": `const worker = require.resolve ? require.resolve("./sync.js") : null;
module.exports = () => require("child_process").execFileSync(process.execPath, [worker], { encoding: "utf8" });`,
        "node_modules/dom/sync.js": `process.stdout.write(require("./word"));`,
        "node_modules/dom/word.js": `module.exports = "word";`,
      },
    });
    expect(problems).toEqual([]);
    expect(await runPacked(built!.bytes)).toBe("word");
  });
});

describe("assets", () => {
  it("are packed without what file managers and editors leave in folders", async () => {
    const { built } = await inspect({
      source: taskOf("", "return 1;"),
      cascade: { assets: ["data", "notes.orig"] },
      files: {
        "data/rows.csv": "1",
        "data/.hidden": "kept",
        "data/.DS_Store": "x",
        "data/._rows.csv": "x",
        "data/.rows.csv.swp": "x",
        "data/rows.csv~": "x",
        "data/.git/config": "x",
        "data/sub/Thumbs.db": "x",
        "notes.orig": "named",
      },
    });
    expect(built?.manifest.files.map(({ path }) => path).filter((path) => path.startsWith("assets/"))).toEqual([
      "assets/data/.hidden",
      "assets/data/rows.csv",
      "assets/notes.orig",
    ]);
  });

  it("do not stop at the lock that an editor keeps as a dangling link", async () => {
    const { symlinkSync } = await import("node:fs");
    const folder = writePackageFolder({
      source: taskOf("", "return 1;"),
      cascade: { assets: ["data"] },
      files: { "data/a": "1" },
    });
    symlinkSync("user@host.123", `${folder}/data/.#a`);
    expect((await builder.inspect(folder)).problems).toEqual([]);
    await removeFolder(folder);
  });
});

describe("package.json", () => {
  it("may begin with a byte order mark", async () => {
    const text = `\uFEFF${JSON.stringify({ name: "demo", version: "1.0.0", cascade: { entry: "workflow.ts" } })}`;
    const { problems } = await inspect({ source: taskOf("", "return 1;"), files: { "package.json": text } });
    expect(problems).toEqual([]);
  });
});
