import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CascadeError } from "../../../src/kernel/errors.ts";
import { JSON_DEPTH_MAX, parseJson, readJsonBytes, readJsonText } from "../../../src/kernel/json-text.ts";

const reasonOf = (given: string | Uint8Array) => {
  const reading = typeof given === "string" ? readJsonText(given) : readJsonBytes(given);
  return reading.ok ? null : reading.reason;
};
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

describe("the JSON reader", () => {
  it("reads whatever JavaScript writes, and keeps its text", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(readJsonText(` \n${text}\r\n`)).toEqual({ ok: true, json: { text, value: JSON.parse(text) } });
      }),
    );
  });

  it.each([
    "7615917337495251231",
    "9007199254740993",
    "-9007199254740993",
    "1e400",
    "-1e400",
    "1e-400",
    "9007199254740993.0",
  ])("refuses the number %s, and says how it can be kept", (number) => {
    const reading = readJsonText(`{"rows":[{"i/d":${number}}]}`);
    expect(reading).toEqual({
      ok: false,
      reason: `the value at /rows/0/i~1d is the number ${number}, which cannot be kept exactly`,
      hint: "Write it as a string.",
    });
  });

  it.each([
    "0.1",
    "1.10",
    "-0",
    "0e400",
    "1e22",
    "1e23",
    "9007199254740992",
    "9007199254740991",
    "1.7976931348623157e308",
    "5e-324",
    "0.30000000000000004",
  ])("takes the number %s", (number) => {
    expect(reasonOf(`[${number}]`)).toBeNull();
  });

  it("takes a whole number only if it is written back as the same", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (number) => {
        const isKept = BigInt(Number(number).toLocaleString("fullwide", { useGrouping: false })) === number;
        expect(reasonOf(`{"n":${number}}`) === null).toBe(isKept || JSON.stringify(Number(number)) === String(number));
      }),
    );
  });

  it("takes each double that JavaScript writes, wherever it stands", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect(reasonOf(JSON.stringify({ number, list: [number] }))).toBeNull();
      }),
    );
  });

  it("does not take digits in a string for a number", () => {
    expect(reasonOf('{"1e400":"7615917337495251231","\\\\":"\\"1e400"}')).toBeNull();
  });

  it.each([
    ['{"a":1,"a":1}', 'the key "a" is there twice at the top'],
    ['{"x":[{"a":{},"b":2,"\\u0061":3}]}', 'the key "a" is there twice at /x/0'],
    ['{"__proto__":1,"__proto__":2}', 'the key "__proto__" is there twice at the top'],
  ])("refuses the repeated key of %s", (text, reason) => {
    expect(reasonOf(text)).toBe(reason);
  });

  it.each(['{"a":"\\ud800"}', '{"a":"\\uDC00x"}', '{"a":"\ud800"}'])("refuses half of a surrogate pair: %j", (text) => {
    expect(reasonOf(text)).toBe("the value at /a holds half of a surrogate pair");
  });

  it("takes a whole surrogate pair, escaped or not", () => {
    expect(reasonOf('["\\ud83d\\ude00","😀"]')).toBeNull();
  });

  it("refuses bytes that are not UTF-8, with their place, and reads a byte order mark", () => {
    expect(reasonOf(Buffer.from('{"name":"caf\xe9"}', "latin1"))).toBe("byte 13 of it is not UTF-8");
    expect(reasonOf(Buffer.from([0x22, 0xc3]))).toBe("byte 2 of it is not UTF-8");
    expect(reasonOf(Buffer.from([0x22, 0x61, 0xff, 0x22]))).toBe("byte 3 of it is not UTF-8");
    expect(reasonOf(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))).toBe("byte 2 of it is not UTF-8");
    expect(readJsonBytes(Buffer.from('\ufeff{"a":1}'))).toEqual({
      ok: true,
      json: { text: '{"a":1}', value: { a: 1 } },
    });
  });

  it("refuses what is nested too deeply, with its own reason, however long it is", () => {
    expect(reasonOf(nested(JSON_DEPTH_MAX))).toBeNull();
    expect(reasonOf(nested(JSON_DEPTH_MAX + 1))).toBe("it is nested deeper than 200 levels");
    expect(reasonOf("[".repeat(5_000_000))).toBe("it is nested deeper than 200 levels");
    expect(reasonOf('{"a":'.repeat(201))).toBe("it is nested deeper than 200 levels");
  });

  it.each(["", " ", "{", '"', '"\\', "[1,]", "{'a':1}", "NaN", "1 2", "\u00a01"])("refuses %j as no JSON", (text) => {
    expect(reasonOf(text)).toMatch(/^it is (empty|not JSON: )/);
  });

  it("names what it read in its error", () => {
    expect(() => parseJson("[1e999]", "the body")).toThrow(
      new CascadeError(
        "JSON_INVALID",
        "the body is not accepted: the value at /0 is the number 1e999, which cannot be kept exactly",
        { hint: "Write it as a string." },
      ),
    );
  });
});
