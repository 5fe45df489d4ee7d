import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import ts from "typescript";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { scaffold } from "../../src/adapters/archive/scaffold.ts";
import { sdkEntry, testPackageBuilder, zodEntry } from "../support/package-builder.ts";

const builder = testPackageBuilder();
afterAll(() => builder.close());

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cascade-init-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const types = { sdk: sdkEntry, zod: dirname(zodEntry), nodeTypes: resolve("node_modules/@types") };

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
