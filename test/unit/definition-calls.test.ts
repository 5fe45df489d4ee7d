import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readDefinitionCalls } from "../../src/adapters/archive/definition-calls.ts";

/** The text that stays code. `work` and `cron` are calls that write something down, `task` is one behind a dot, `FN` a task's function. */
function codeIn(text: string): { rest: string; schema: string | undefined } {
  const places = (pattern: RegExp) => [...text.matchAll(pattern)].map(({ index }) => index);
  const workflows = places(/\bwork(?=\()/g);
  const functions = places(/\bFN\b/g).map((start) => ({ start, end: start + 2 }));
  const calls = [...workflows, ...places(/\bcron(?=\()/g), ...places(/(?<=\.)task(?=\()/g)];
  const { spans, schemas } = readDefinitionCalls(text, { calls, workflows, functions });
  const dropped = new Set([...spans, ...functions].flatMap(({ start, end }) => range(start, end)));
  const schema = schemas.get(workflows[0] ?? -1);
  return {
    rest: [...text].filter((_, index) => !dropped.has(index)).join(""),
    schema: schema && text.slice(schema.start, schema.end),
  };
}

const range = (start: number, end: number) =>
  Array.from({ length: Math.max(0, end - start) }, (_, index) => start + index);

describe("a call that writes a definition down", () => {
  it.each([
    [
      "literals",
      `var w = work("a", { timeout: "1h", n: -1.5e-3, no: void 0, list: [1, true, null,], "k-k": 'x' });`,
      "var w = work();",
    ],
    ["a chain", `var w = work("a").task("b", { after: ["a"] }, FN).task("c", FN);`, "var w = work();"],
    ["comments and lines", `work(\n  // why\n  "a", /* so */ {\n    x: 1\n  }\n)`, "work()"],
    ["a template without a value", "work(`a`)", "work()"],
    ["a template with one", "work(`a${1}`)", "work(`a${1}`)"],
    ["a name", `work(NAME, { timeout: LIMIT, x: 1 })`, "work(NAMEtimeout: LIMIT)"],
    ["a rule", `work("a", { on: [cron("* * * * *", { zone: "UTC" })], x: 1 })`, "work()"],
    ["a computed rule", `work("a", { on: [cron(RULE)], x: 1 })`, "work(on: [cron(RULE)])"],
    ["a rule elsewhere", `var r = cron("* * * * *"); work("a", { on: r })`, "var r = cron(); work(on: r)"],
    ["a spread", `work("a", { ...common, x: 1 })`, "work(...common)"],
    ["a method", `work("a", { get x() { return 1; } })`, "work(get x() { return 1; })"],
    ["a wrapped function", `work("a").task("b", { x: 1 }, wrap(FN, { "},": 2 }))`, `work()wrap(, { "},": 2 })`],
    ["a longer expression", `work("a", { x: 1 } + y)`, "work({ x: 1 } + y)"],
    ["a word that begins like a literal", `work("a", { x: trueish, y: nullable.z })`, "work(x: trueishy: nullable.z)"],
    ["no end", `work("a", { x: 1 `, `work("a", { x: 1 `],
    ["no call", `work; other("a")`, `work; other("a")`],
  ])("leaves what is code: %s", (_, text, rest) => {
    expect(codeIn(text).rest).toBe(rest);
  });

  it.each([
    [
      "brackets in a regular expression",
      `work("a", { params: z(/[,)}/]"/, 4 / 2 / 1), x: 1 })`,
      `params: z(/[,)}/]"/, 4 / 2 / 1)`,
    ],
    [
      "one that is returned",
      `work("a", { params: z(() => { return /"/; }), x: 1 })`,
      `params: z(() => { return /"/; })`,
    ],
    [
      "templates in templates",
      'work("a", { params: z(`}${ `,${ ")" }` }\\``), x: 1 })',
      'params: z(`}${ `,${ ")" }` }\\``)',
    ],
    ["a name", `work("a", { x: 1, "params": Input })`, undefined],
    ["no other call's", `work("a").task("b", { params: z }, FN)`, undefined],
  ])("tells the schema apart: %s", (_, text, schema) => {
    expect(codeIn(text).schema).toBe(schema);
  });

  it("is read to its end or left alone, whatever it holds", () => {
    const piece = fc.constantFrom(
      ..."work( .task( cron( FN { } [ ] ( ) , : ; \" ' ` ${ / \\ a 1 => // /* */ params".split(" "),
      " ",
      "\n",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join("");
        const kept = codeIn(text).rest;
        expect(kept.length).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 3_000 },
    );
  });
});
