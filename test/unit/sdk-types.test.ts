import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const folder = resolve("test/types");
const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ["lib.es2023.d.ts"],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  noEmit: true,
  allowImportingTsExtensions: true,
  types: ["node"],
  paths: { cascaded: [resolve("src/sdk/index.ts")] },
};

/** Compiles a text as if it were a file beside the others; the lines with errors, from 1. */
function errorsOf(text: string): { line: number; message: string }[] {
  const host = ts.createCompilerHost(options);
  const path = join(folder, "workflow.ts");
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => name === path || fileExists(name);
  host.readFile = (name) => (name === path ? text : readFile(name));
  host.getSourceFile = (name, ...rest) =>
    name === path ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2023) : getSourceFile(name, ...rest);
  const program = ts.createProgram([path], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file: source, start, messageText }) => ({
    line: source && start !== undefined ? source.getLineAndCharacterOfPosition(start).line + 1 : 0,
    message: ts.flattenDiagnosticMessageText(messageText, "\n"),
  }));
}

/** Sources that must not be part of this project's own compilation. */
function source(name: string): string {
  return readFileSync(join(folder, `${name}.ts.txt`), "utf8");
}

describe("types of the SDK", () => {
  it("let a workflow through whose names and types fit", () => {
    expect(errorsOf(source("good"))).toEqual([]);
  });

  it("refuse each mistake at its line, and nothing else", () => {
    const lines = source("bad").split("\n");
    const marked = lines.flatMap((line, index) => (line.startsWith("// bad: ") ? [index + 2] : []));
    const errors = errorsOf(source("bad"));
    expect([...new Set(errors.map(({ line }) => line))].sort((a, b) => a - b)).toEqual(marked);
    expect(errors[0]?.message).toBe(`Type '"onne"' is not assignable to type '"one"'.`);
    expect(errors.some(({ message }) => message.includes("return only null, booleans"))).toBe(true);
  });

  it("check a chain of a hundred tasks within seconds", () => {
    const tasks = Array.from({ length: 99 }, (_, index) => {
      const before = `t${index}`;
      return `.task("t${index + 1}", { after: ["${before}"] }, ({ upstream }) => ({ n: upstream.${before}.n + 1 }))`;
    });
    const text = `import { workflow } from "cascaded";
export default workflow("long").task("t0", () => ({ n: 1 }))${tasks.join("\n")};`;
    const before = performance.now();
    expect(errorsOf(text)).toEqual([]);
    expect(performance.now() - before).toBeLessThan(15_000);
  });
});
