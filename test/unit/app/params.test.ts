import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createParamsCheck } from "../../../src/app/params.ts";
import type { Snapshot } from "../../../src/domain/snapshot.ts";
import type { JsonSchema } from "../../../src/domain/workflow.ts";
import { canonicalJson } from "../../../src/kernel/canonical-json.ts";
import type { CascadeError } from "../../../src/kernel/errors.ts";
import type { Json } from "../../../src/kernel/json.ts";
import { workflowIn } from "../../support/application-room.ts";
import { testChecks } from "../../support/checks.ts";

const withSchema = (params: JsonSchema, name = "flow") => workflowIn("pack", name, { params });
const params = createParamsCheck(testChecks());
const check = async (snapshot: Snapshot, given: Json) =>
  (await params.check([{ snapshot, params: given, place: "" }]))[0];

describe("the check of params", () => {
  it("keeps what was given: no default is filled in and nothing is converted", async () => {
    const snapshot = withSchema({ type: "object", properties: { n: { type: "integer", default: 3 } } });
    expect(await check(snapshot, {})).toBe("{}");
    await expect(check(snapshot, { n: "3" })).rejects.toThrow(/must be integer/);
  });

  it("follows draft 2020-12: prefixItems, $defs, unevaluatedProperties", async () => {
    const snapshot = withSchema({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      $defs: { id: { type: "string", minLength: 2 } },
      type: "object",
      properties: { pair: { type: "array", prefixItems: [{ $ref: "#/$defs/id" }, { type: "number" }], items: false } },
      unevaluatedProperties: false,
    });
    expect(await check(snapshot, { pair: ["ab", 1] })).toBe('{"pair":["ab",1]}');
    for (const bad of [{ pair: ["a", 1] }, { pair: ["ab", 1, 2] }, { other: 1 }]) {
      await expect(check(snapshot, bad), JSON.stringify(bad)).rejects.toThrow(/params: /);
    }
  });

  it.each<[string, JsonSchema]>([
    ["its properties", { type: "object", properties: { failures: { type: "integer" } } }],
    ["parts that all hold", { allOf: [{ properties: { failures: {} } }, { properties: { other: {} } }] }],
    ["one of several forms", { anyOf: [{ properties: { failures: {} } }, { properties: { other: {} } }] }],
    ["a reference", { $ref: "#/$defs/p", $defs: { p: { type: "object", properties: { failures: {} } } } }],
    ["additionalProperties: false", { properties: { failures: {} }, additionalProperties: false }],
    ["no param at all", { type: "object", properties: {} }],
  ])("refuses a name that the schema does not declare: %s", async (_, schema) => {
    const error: unknown = await check(withSchema(schema), { failure: 1 }).catch((thrown: unknown) => thrown);
    const { message } = error as CascadeError;
    expect(message).toMatch(/there is no param "failure"/);
    expect(message).not.toMatch(/ and \d+ more/);
    if (JSON.stringify(schema).includes("failures")) expect(message).toContain("did you mean failures?");
  });

  it.each<JsonSchema>([
    { type: "object", properties: { failures: {} }, additionalProperties: {} },
    { type: "object", properties: { failures: {} }, additionalProperties: true },
    { type: "object", properties: { failures: {} }, unevaluatedProperties: true },
    { type: "object", properties: { failures: {} }, patternProperties: { "^f": {} } },
    { type: "object", propertyNames: { type: "string" }, additionalProperties: { type: "number" } },
    { allOf: [{ properties: { failures: {} } }, { additionalProperties: true }] },
    { type: "object" },
    {},
    true,
  ])("takes any name when the schema says so: %j", async (schema) => {
    expect(await check(withSchema(schema), { failure: 1 })).toBe('{"failure":1}');
  });

  it("says of a text with a format what was given and what is wanted, in one line", async () => {
    const zod = z.object({ date: z.iso.date(), code: z.string().regex(/^[a-z]{3}$/) });
    const snapshot = withSchema(z.toJSONSchema(zod, { io: "input" }) as JsonSchema);
    await expect(check(snapshot, { date: "yesterday", code: "abc" })).rejects.toMatchObject({
      message: 'params: /date "yesterday" is not a date such as 2026-01-31',
      problems: [{ place: "/date", message: '"yesterday" is not a date such as 2026-01-31' }],
    });
    await expect(check(snapshot, { date: "2026-02-28", code: "x" })).rejects.toThrow(
      '/code "x" is not a text of the form that is wanted: /^[a-z]{3}$/',
    );
  });

  it("takes any params without a schema, and none with the schema false", async () => {
    expect(await check(workflowIn("pack", "flow"), [1, null])).toBe("[1,null]");
    await expect(check(withSchema(false), {})).rejects.toThrow();
  });

  it("keeps schemas apart that bear one $id, also that of the meta-schema", async () => {
    const meta = "https://json-schema.org/draft/2020-12/schema";
    for (const $id of ["urn:cascade:x", meta]) {
      const text = withSchema({ $id, type: "string" }, "text");
      const number = withSchema({ $id, type: "number" }, "number");
      expect(await check(text, "a")).toBe('"a"');
      expect(await check(number, 1)).toBe("1");
      await expect(check(text, 1)).rejects.toThrow(/must be string/);
    }
    const other = withSchema({ $schema: meta, type: "object", contains: {} }, "other");
    expect(await check(other, {})).toBe("{}");
  });

  it("names all that is wrong with all that is given, each with its place, up to a hundred", async () => {
    const snapshot = withSchema({ type: "array", items: { type: "integer" } });
    const given = [["a", 1], [1], [true]].map((one, index) => ({
      snapshot,
      params: one,
      place: `/runs/${index}/params`,
    }));
    await expect(params.check(given)).rejects.toMatchObject({
      problems: [
        { place: "/runs/0/params/0", message: "must be integer" },
        { place: "/runs/2/params/0", message: "must be integer" },
      ],
    });
    const many = { snapshot, params: Array.from({ length: 5_000 }, () => "x".repeat(10)), place: "" };
    const error: unknown = await params.check([many]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "PARAMS_INVALID" });
    expect((error as { problems: unknown[] }).problems).toHaveLength(100);
  });

  it("ends after a quarter of a second whatever a schema asks for, and does not try a third time", async () => {
    const snapshot = withSchema({ properties: { a: { pattern: "^(a+)+$" } } }, "bomb");
    const given = { a: `${"a".repeat(60)}!` };
    for (let time = 0; time < 3; time++) {
      const begun = performance.now();
      await expect(check(snapshot, given)).rejects.toMatchObject({ code: "PARAMS_CHECK_TIMEOUT" });
      if (time === 2) expect(performance.now() - begun).toBeLessThan(50);
    }
    expect(await check(withSchema({ properties: { a: { pattern: "^(a+)+$" } } }, "other"), { a: "aa" })).toBe(
      '{"a":"aa"}',
    );
  });

  it("stores equal params as equal text, whatever the order of their members", async () => {
    const snapshot = workflowIn("pack", "flow");
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), async (given) => {
        const turned = Object.fromEntries(Object.entries(given).toReversed());
        const text = await check(snapshot, given as Json);
        expect(await check(snapshot, turned as Json)).toBe(text);
        expect(canonicalJson(JSON.parse(text!))).toBe(text);
      }),
    );
  });
});
