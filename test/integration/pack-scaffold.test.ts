import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import ts from "typescript";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkTypes } from "../../src/adapters/archive/check-types.ts";
import { scaffold } from "../../src/adapters/archive/scaffold.ts";
import { sdkEntry, testPackageBuilder, zodEntry } from "../support/package-builder.ts";
import { realClock } from "../support/real-clock.ts";

const builder = testPackageBuilder();
afterAll(() => builder.close());

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cascade-init-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const types = { sdk: sdkEntry, zod: dirname(zodEntry), nodeTypes: resolve("node_modules/@types") };

const checker = { nodePath: process.execPath, types, clock: realClock };

function typeErrors(folder: string): string[] {
  const { config } = ts.readConfigFile(join(folder, "tsconfig.json"), (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const { options, fileNames, errors } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
  const diagnostics = [...errors, ...ts.getPreEmitDiagnostics(ts.createProgram(fileNames, options))];
  return diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

describe("a scaffolded package", () => {
  it.each([types.nodeTypes, null])("type-checks and packs as it is (types of Node: %s)", async (nodeTypes) => {
    const folder = join(root, "my-flow");
    const written = await scaffold(folder, { ...types, nodeTypes });
    expect(written).toEqual(
      ["package.json", "tsconfig.json", "workflow.ts", "README.md"].map((name) => join(folder, name)),
    );
    expect(typeErrors(folder)).toEqual([]);
    const { fileName, manifest } = await builder.build(folder);
    expect(fileName).toBe("my-flow-1.0.0.cascade");
    expect(manifest.workflows[0]?.tasks.map(({ name }) => name)).toEqual(["greet", "shout"]);
  });

  it("has nothing of this machine in what is committed, and finds the types again elsewhere", async () => {
    const folder = join(root, "moved");
    const written = await scaffold(folder, types);
    for (const path of written) expect(readFileSync(path, "utf8")).not.toMatch(/"\/|\/tmp\/|node_modules\/@types/);
    expect(readFileSync(join(folder, ".cascade-types/.gitignore"), "utf8")).toBe("*\n");
    rmSync(join(folder, ".cascade-types"), { recursive: true });
    expect(typeErrors(folder)).not.toEqual([]);
    expect(await checkTypes(folder, checker)).toMatchObject({
      checked: false,
      reason: expect.stringContaining("no typescript"),
    });
    expect(typeErrors(folder)).toEqual([]);
  });

  it("is one of shell commands if asked", async () => {
    const folder = join(root, "my-commands");
    const written = await scaffold(folder, types, "yaml");
    expect(written).toEqual(["package.json", "workflow.yaml", "README.md"].map((name) => join(folder, name)));
    const { manifest } = await builder.build(folder);
    expect(manifest.workflows[0]?.tasks.map(({ name }) => name)).toEqual(["greet", "count"]);
  });

  it("is made in an empty folder, but never over something", async () => {
    mkdirSync(join(root, "empty"));
    await scaffold(join(root, "empty"), types);
    await expect(scaffold(join(root, "empty"), types)).rejects.toMatchObject({ code: "CANNOT_CREATE" });
    writeFileSync(join(root, "file"), "");
    await expect(scaffold(join(root, "file"), types)).rejects.toMatchObject({ code: "CANNOT_CREATE" });
    symlinkSync("nowhere", join(root, "link"));
    await expect(scaffold(join(root, "link"), types)).rejects.toMatchObject({ code: "CANNOT_CREATE" });
    await expect(scaffold(join(root, "My Flow"), types)).rejects.toMatchObject({ code: "NAME_INVALID" });
  });
});

describe("the types of a package", () => {
  it("are checked by its own tsc, and each mistake is a problem with its place", async () => {
    const folder = join(root, "typed");
    await scaffold(folder, types);
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(resolve("node_modules/typescript"), join(folder, "node_modules/typescript"));
    expect(await checkTypes(folder, checker)).toEqual({ checked: true, problems: [] });
    const source = readFileSync(join(folder, "workflow.ts"), "utf8");
    writeFileSync(join(folder, "workflow.ts"), source.replace("upstream.greet.text", "upstream.gret.text"));
    const reading = await checkTypes(folder, checker);
    expect(reading).toMatchObject({
      checked: true,
      problems: [{ code: "TYPES_WRONG", place: "workflow.ts:12:91", message: expect.stringContaining("'gret'") }],
    });
  });

  it("are told to be unchecked without a tsconfig.json", async () => {
    expect(await checkTypes(root, checker)).toEqual({ checked: false, reason: "there is no tsconfig.json" });
  });
});

describe("the examples", () => {
  it.each(["hello", "daily-etl", "nightly-backup", "flaky-retry"])("%s packs", async (name) => {
    const { fileName, manifest } = await builder.build(resolve("packages-example", name));
    expect(fileName).toBe(`${name}-1.0.0.cascade`);
    expect(manifest.workflows.map((workflow) => workflow.name)).toEqual([name]);
  });

  it("type-check", () => {
    expect(typeErrors(resolve("packages-example"))).toEqual([]);
  });
});
