import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { isPlainPattern } from "../../../src/domain/plain-pattern.ts";
import { isPlainSchema } from "../../../src/domain/plain-schema.ts";
import type { JsonSchema } from "../../../src/domain/workflow.ts";

const formats = {
  date: z.iso.date(),
  time: z.iso.time(),
  "time of seconds": z.iso.time({ precision: 0 }),
  datetime: z.iso.datetime(),
  "datetime with offset": z.iso.datetime({ offset: true }),
  "datetime without zone": z.iso.datetime({ local: true }),
  "datetime of milliseconds": z.iso.datetime({ precision: 3 }),
  duration: z.iso.duration(),
  email: z.email(),
  uuid: z.uuid(),
  uuidv7: z.uuid({ version: "v7" }),
  guid: z.guid(),
  url: z.url(),
  base64: z.base64(),
  base64url: z.base64url(),
  ipv4: z.ipv4(),
  ipv6: z.ipv6(),
  cidrv4: z.cidrv4(),
  cidrv6: z.cidrv6(),
  nanoid: z.nanoid(),
  ulid: z.ulid(),
  e164: z.e164(),
  lowercase: z.string().lowercase(),
  "a beginning": z.string().startsWith("shop-"),
};

describe("a pattern of a stranger", () => {
  it.each(Object.entries(formats))("is plain when zod wrote it for %s", (_name, type) => {
    expect(isPlainSchema(z.toJSONSchema(z.object({ value: type })) as JsonSchema)).toBe(true);
  });

  it.each(["^[a-z0-9-]+$", "^v\\d{1,3}$", "^[A-Z]{2}\\d{4}$", "x", "^.*$", "^[^/]*$", "^$"])(
    "is plain: %s",
    (pattern) => {
      expect(isPlainPattern(pattern)).toBe(true);
    },
  );

  it.each([
    "^(a+)+$",
    "a+$",
    "^a*a*$",
    "(?=a)",
    "^(?!b)a",
    "^a|b$",
    "^a{1,5}b{1,5}$",
    ".*\\.sql$",
    "^[a",
    "\\1",
    "^a{300}a$",
  ])("is not plain, since its time may grow faster than the text: %s", (pattern) => {
    expect(isPlainPattern(pattern)).toBe(false);
  });

  it("is a regular expression, and ends on a text of 64 KB, whenever it is called plain", () => {
    const part = fc.constantFrom(
      "a",
      ".",
      "\\d",
      "[a-z]",
      "[^b]",
      "{3}",
      "{1,9}",
      "+",
      "*",
      "?",
      "(",
      ")",
      "|",
      "$",
      "^",
    );
    const worst = "a".repeat(65_536);
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const pattern = `^${parts.join("")}$`;
        fc.pre(isPlainPattern(pattern));
        const begun = performance.now();
        new RegExp(pattern, "u").test(worst);
        return performance.now() - begun < 1_000;
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a schema of a stranger", () => {
  const named = (count: number, member: (index: number) => JsonSchema) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, member(index)]));

  it.each<[string, JsonSchema]>([
    ["an object of fields", { type: "object", properties: named(100, () => ({ type: "string" })), required: ["p1"] }],
    [
      "references to shared parts",
      { $defs: { id: { type: "string" } }, properties: named(50, () => ({ $ref: "#/$defs/id" })) },
    ],
    ["unions", { anyOf: [{ type: "null" }, { type: "array", items: { type: "integer" }, maxItems: 9 }] }],
    ["true", true],
  ])("is plain with %s", (_name, schema) => {
    expect(isPlainSchema(schema)).toBe(true);
  });

  it.each<[string, JsonSchema]>([
    ["references in a circle", { $defs: { a: { items: { $ref: "#/$defs/a" } } }, $ref: "#/$defs/a" }],
    ["a reference to a reference to itself", { $defs: { a: { $ref: "#/$defs/a" } } }],
    [
      "references that multiply",
      {
        $defs: Object.fromEntries(
          Array.from({ length: 20 }, (_, index) => [
            `d${index}`,
            index === 19
              ? { type: "null" }
              : { allOf: [{ $ref: `#/$defs/d${index + 1}` }, { $ref: `#/$defs/d${index + 1}` }] },
          ]),
        ),
        $ref: "#/$defs/d0",
      },
    ],
    ["an id", { $id: "https://json-schema.org/draft/2020-12/schema" }],
    ["uniqueItems without a bound", { type: "array", uniqueItems: true }],
    ["contains", { contains: {} }],
    ["a pattern that may take for ever", { pattern: "^(a+)+$" }],
    ["patternProperties", { patternProperties: { a: true } }],
    ["too many nodes", { properties: named(501, () => ({})) }],
    ["too many branches", { allOf: Array.from({ length: 65 }, () => ({})) }],
    ["an unknown keyword", { unevaluatedProperties: false }],
    ["a keyword of the wrong form", { minimum: "1" }],
    ["a name of Object.prototype as a keyword", { toString: 1 }],
  ])("is not plain with %s", (_name, schema) => {
    expect(isPlainSchema(schema)).toBe(false);
  });
});
