import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { schemaChange } from "../../../src/domain/schema-change.ts";
import type { JsonSchema } from "../../../src/domain/workflow.ts";
import type { Json } from "../../../src/kernel/json.ts";

const text = { type: "string" };
const object = (properties: Record<string, Json>, more: Record<string, Json> = {}): JsonSchema => ({
  type: "object",
  properties,
  ...more,
});

describe("a change of a schema", () => {
  it.each<[string, JsonSchema | null, JsonSchema | null]>([
    ["the same", object({ a: text }), object({ a: text })],
    ["another description", object({ a: text }), object({ a: { ...text, description: "more" } })],
    [
      "a property called description stays",
      object({ description: text }),
      object({ description: text }, { title: "x" }),
    ],
  ])("is none: %s", (_, before, after) => {
    expect(schemaChange(before, after)).toBeUndefined();
  });

  it.each<[string, JsonSchema | null, JsonSchema | null]>([
    ["any params", object({ a: text }), null],
    ["an optional param more", object({ a: text }), object({ a: text, b: text })],
    ["a param less required", object({ a: text }, { required: ["a"] }), object({ a: text })],
    ["a wider type", object({ a: { type: "integer" } }), object({ a: { type: ["number", "null"] } })],
    ["a longer enum", object({ a: { enum: ["x"] } }), object({ a: { enum: ["x", "y"] } })],
    ["a wider bound", object({ a: { exclusiveMinimum: 3 } }), object({ a: { minimum: 3 } })],
    ["another default", object({ a: { ...text, default: "x" } }), object({ a: { ...text, default: "y" } })],
    ["a branch more", { anyOf: [text] }, { anyOf: [{ type: "null" }, text] }],
    ["a pattern less", { ...text, pattern: "^a" }, text],
    ["open now", object({}, { additionalProperties: false }), object({})],
    ["items of more kinds", { type: "array", items: text }, { type: "array", items: { type: ["string", "null"] } }],
    ["the same definitions", ref("a", text), ref("b", text)],
  ])("is compatible: %s", (_, before, after) => {
    expect(schemaChange(before, after)).toMatchObject({ compatible: true });
  });

  it.each<[string, JsonSchema | null, JsonSchema | null, string]>([
    ["a schema where none was", null, object({ a: text }), "the params must be of type object now"],
    ["a param required", object({ a: text }), object({ a: text }, { required: ["a"] }), "/a is required now"],
    [
      "a narrower type",
      object({ a: { type: "number" } }),
      object({ a: { type: "integer" } }),
      "/a must be of type integer now",
    ],
    [
      "a shorter enum",
      object({ a: { enum: ["x", "y"] } }),
      object({ a: { enum: ["x"] } }),
      '/a may not be "y" any more',
    ],
    [
      "a tighter bound",
      object({ a: { minimum: 3 } }),
      object({ a: { exclusiveMinimum: 3 } }),
      "exclusiveMinimum of /a is 3 now",
    ],
    [
      "closed now",
      object({ a: text }),
      object({ a: text }, { additionalProperties: false }),
      "/* is not taken any more",
    ],
    [
      "a param gone from a closed one",
      object({ a: text, b: text }, { additionalProperties: false }),
      object({ a: text }, { additionalProperties: false }),
      "/b is not taken any more",
    ],
    [
      "another pattern",
      { ...text, pattern: "a" },
      { ...text, pattern: "b" },
      "cannot tell whether the params may still be all that it could be: pattern has changed",
    ],
    ["an unknown keyword", text, { ...text, constructor: 1 }, "cannot tell"],
    [
      "other definitions",
      ref("a", text),
      ref("a", { type: "null" }),
      "cannot tell: definitions that the schema refers to have changed",
    ],
    [
      "a recursive schema",
      object({ a: { $ref: "#" } }),
      object({ a: { $ref: "#" }, b: text }),
      "cannot tell: definitions",
    ],
    ["fewer matches", { contains: text, minContains: 0 }, { contains: text }, "minContains has changed"],
  ])("is breaking: %s", (_, before, after, reason) => {
    const change = schemaChange(before, after);
    expect(change).toMatchObject({ compatible: false });
    expect(change?.reason).toContain(reason);
  });

  it("is called compatible only if what was taken is taken still", () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false });
    const pairs = fc
      .tuple(schemas, schemas)
      .chain(([one, other]) => fc.constantFrom([one, other], [one, one], [one, true]));
    let compatible = 0;
    fc.assert(
      fc.property(pairs, fc.array(values, { minLength: 20, maxLength: 20 }), ([before, after], samples) => {
        const change = schemaChange(before, after);
        if (change && !change.compatible) return;
        compatible++;
        const [was, is] = [ajv.compile(before), ajv.compile(after)];
        for (const value of samples) if (was(value)) expect(is(value)).toBe(true);
      }),
      { numRuns: 1_500 },
    );
    expect(compatible).toBeGreaterThan(100);
  });
});

function ref(title: string, target: Json): JsonSchema {
  return object({ a: { $ref: "#/$defs/it" } }, { $defs: { it: target }, title, required: title === "a" ? ["a"] : [] });
}

/** Small enough that two of them are often alike. They speak of every name: one that is not spoken of counts as never given. */
const { schemas } = fc.letrec<{ schemas: JsonSchema }>((tie) => ({
  schemas: fc.oneof(
    { maxDepth: 2 },
    fc.constantFrom<JsonSchema[]>(true, {}, { type: "string" }, { type: "integer" }, { type: ["number", "null"] }),
    fc.constantFrom<JsonSchema[]>(
      { minimum: 1 },
      { exclusiveMinimum: 1 },
      { maximum: 2 },
      { enum: [1, "a"] },
      { const: 1 },
    ),
    fc.record(
      {
        type: fc.constant("object"),
        properties: fc.record({ a: tie("schemas"), b: tie("schemas") }),
        required: fc.subarray(["a", "b"]),
        additionalProperties: fc.constantFrom(true, false),
      },
      { requiredKeys: ["type", "properties"] },
    ) as fc.Arbitrary<JsonSchema>,
    fc.record({ type: fc.constant("array"), items: tie("schemas"), minItems: fc.nat(2) }, { requiredKeys: ["type"] }),
    fc.record({ anyOf: fc.array(tie("schemas"), { minLength: 1, maxLength: 2 }) }),
    fc.record({ allOf: fc.array(tie("schemas"), { minLength: 1, maxLength: 2 }) }),
  ),
}));

const values = fc.oneof(
  fc.constantFrom<Json[]>(null, 0, 1, 1.5, 2, 3, "", "a", true, [], ["a"], [1, 1]),
  fc.dictionary(fc.constantFrom("a", "b", "c"), fc.constantFrom<Json[]>(null, 0, 1, 2, "a", {}, [1]), { maxKeys: 2 }),
);
