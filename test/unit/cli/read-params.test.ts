import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readParams } from "../../../src/cli/read-params.ts";
import type { Json } from "../../../src/kernel/json.ts";
import { tempFolder } from "../../support/temp-folder.ts";

describe("the params of a run on the command line", () => {
  it("are an empty object when none are given", () => {
    expect(readParams(undefined, [], "/")).toEqual({});
  });

  it("take a value as JSON if it parses and as text if not", () => {
    expect(readParams(undefined, ["a=1", "b=x=y", "c=", "d=[1]", 'e="1"', "f=01", "g=null"], "/")).toEqual({
      a: 1,
      b: "x=y",
      c: "",
      d: [1],
      e: "1",
      f: "01",
      g: null,
    });
  });

  it("read a file, and put single params over it", () => {
    const folder = tempFolder();
    writeFileSync(join(folder, "p.json"), '{"a": 1, "b": 2}');
    expect(readParams("@p.json", ["b=3"], folder)).toEqual({ a: 1, b: 3 });
    expect(() => readParams("[1]", ["b=3"], folder)).toThrow(/object/);
  });

  it("give back any JSON that was written", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.stringify(readParams(text, [], "/"))).toBe(JSON.stringify(JSON.parse(text)));
        expect(readParams(undefined, [`k=${text}`], "/")).toEqual({ k: JSON.parse(text) as Json });
      }),
    );
  });
});
