import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createParamTexts } from "../../../src/app/param-text.ts";
import { readPairs, readWholeParams, withPairs } from "../../../src/cli/read-params.ts";
import type { Json } from "../../../src/kernel/json.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const schema = {
  $defs: { count: { type: "integer" } },
  type: "object",
  properties: {
    name: { type: "string" },
    ratio: { type: "number" },
    count: { $ref: "#/$defs/count" },
    flag: { anyOf: [{ type: "boolean" }, { type: "null" }] },
    either: { type: ["string", "number"] },
    tags: { type: "array", items: { type: "string" } },
    level: { enum: [1, 2, 3] },
    mode: { enum: ["fast", "safe"] },
    anything: {},
  },
};
const read = (pairs: readonly string[], params: Json = schema, base: Json = {}) =>
  withPairs(base, readPairs(pairs), createParamTexts(params));

describe("the params of a run on the command line", () => {
  it("are an empty object when none are given", () => {
    expect(readWholeParams(undefined, "/")).toEqual({});
  });

  it("are text wherever the schema allows text or tells no type, whatever they look like", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.jsonValue().map((value) => JSON.stringify(value)),
          fc.double().map(String),
        ),
        fc.constantFrom("name", "either", "mode", "anything", "undeclared"),
        (text, name) => {
          expect(read([`${name}=${text}`])).toEqual({ [name]: text });
          expect(read([`${name}=${text}`], null)).toEqual({ [name]: text });
        },
      ),
    );
    expect(read(["sha=980e663509", "v=1.10", "id=7615917337495251231", "a=b=c", "e="], null)).toEqual({
      sha: "980e663509",
      v: "1.10",
      id: "7615917337495251231",
      a: "b=c",
      e: "",
    });
  });

  it("are JSON where the schema allows no text", () => {
    expect(read(["ratio=1.10", "count=5", "flag=true", 'tags=["a"]', "level=2"])).toEqual({
      ratio: 1.1,
      count: 5,
      flag: true,
      tags: ["a"],
      level: 2,
    });
    expect(read(["flag=null"])).toEqual({ flag: null });
  });

  it.each([
    ["count=five", 'count is integer, not "five"'],
    ["count=9007199254740993", "cannot be kept exactly"],
    ["ratio=1e400", "cannot be kept exactly"],
    ["tags=a,b", "tags is array"],
    ["flag=yes", "flag is null or true or false"],
  ])("are refused when the schema wants something else: -p %s", (pair, message) => {
    expect(() => read([pair])).toThrow(message);
  });

  it("read a file, and put single params over it", () => {
    const folder = tempFolder();
    writeFileSync(join(folder, "p.json"), '\ufeff{"a": 1, "b": 2}');
    expect(read(["b=3"], null, readWholeParams("@p.json", folder))).toEqual({ a: 1, b: "3" });
    expect(() => read(["b=3"], null, readWholeParams("[1]", folder))).toThrow(/object/);
    expect(() => readPairs(["b=3", "b=4"])).toThrow("-p b is given twice");
  });

  it.each(['{"a":1,"a":2}', '{"id":7615917337495251231}', "[1e400]"])("refuse --params %s", (text) => {
    expect(() => readWholeParams(text, "/")).toThrow("--params is not accepted: ");
  });

  it("refuse a file that is not UTF-8", () => {
    const folder = tempFolder();
    writeFileSync(join(folder, "p.json"), Buffer.from('{"name":"caf\xe9"}', "latin1"));
    expect(() => readWholeParams("@p.json", folder)).toThrow("p.json is not accepted: byte 13 of it is not UTF-8");
  });

  it("give back any JSON that was written", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.stringify(readWholeParams(text, "/"))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });
});
