import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createParamsCheck } from "../../../src/app/params.ts";
import type { JsonSchema } from "../../../src/domain/workflow.ts";
import { canonicalJson } from "../../../src/kernel/canonical-json.ts";
import type { Json } from "../../../src/kernel/json.ts";
import { workflowIn } from "../../support/application-room.ts";

const withSchema = (params: JsonSchema, name = "flow") => workflowIn("pack", name, { params });

describe("the check of params", () => {
  it("keeps what was given: no default is filled in and nothing is converted", () => {
    const snapshot = withSchema({ type: "object", properties: { n: { type: "integer", default: 3 } } });
    expect(createParamsCheck().check(snapshot, {})).toBe("{}");
    expect(() => createParamsCheck().check(snapshot, { n: "3" })).toThrow(/must be integer/);
  });

  it("follows draft 2020-12: prefixItems, $defs, unevaluatedProperties", () => {
    const check = createParamsCheck();
    const snapshot = withSchema({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      $defs: { id: { type: "string", minLength: 2 } },
      type: "object",
      properties: { pair: { type: "array", prefixItems: [{ $ref: "#/$defs/id" }, { type: "number" }], items: false } },
      unevaluatedProperties: false,
    });
    expect(check.check(snapshot, { pair: ["ab", 1] })).toBe('{"pair":["ab",1]}');
    for (const bad of [{ pair: ["a", 1] }, { pair: ["ab", 1, 2] }, { other: 1 }]) {
      expect(() => check.check(snapshot, bad), JSON.stringify(bad)).toThrow(/params: /);
    }
  });

  it("takes any params without a schema, and none with the schema false", () => {
    const check = createParamsCheck();
    expect(check.check(workflowIn("pack", "flow"), [1, null])).toBe("[1,null]");
    expect(() => check.check(withSchema(false), {})).toThrow();
  });

  it("keeps schemas apart that bear one $id", () => {
    const check = createParamsCheck();
    const text = withSchema({ $id: "urn:cascade:x", type: "string" }, "text");
    const number = withSchema({ $id: "urn:cascade:x", type: "number" }, "number");
    expect(check.check(text, "a")).toBe('"a"');
    expect(check.check(number, 1)).toBe("1");
    expect(() => check.check(text, 1)).toThrow(/must be string/);
  });

  it("stores equal params as equal text, whatever the order of their members", () => {
    const check = createParamsCheck();
    const snapshot = workflowIn("pack", "flow");
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), (params) => {
        const turned = Object.fromEntries(Object.entries(params).toReversed());
        const text = check.check(snapshot, params as Json);
        expect(check.check(snapshot, turned as Json)).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
  });
});
