import { canonicalJson } from "../kernel/canonical-json.ts";
import { isJsonObject, type Json, type JsonObject } from "../kernel/json.ts";
import { referencesIn, withoutNotes } from "./schema-walk.ts";
import type { JsonSchema } from "./workflow.ts";

export interface SchemaChange {
  /** What the old schema described, the new one takes. False also when that cannot be shown. */
  compatible: boolean;
  reason: string;
}

/** How the params that a workflow takes have changed; undefined when they have not. Null takes any. */
export function schemaChange(before: JsonSchema | null, after: JsonSchema | null): SchemaChange | undefined {
  const [old, next] = [withoutNotes(before), withoutNotes(after)];
  if (isEqual(old, next)) return undefined;
  if (next === null) return { compatible: true, reason: "any params are taken now" };
  const reason = referencesDiffer(old ?? true, next) ?? narrowing(old ?? true, next, "");
  if (reason !== undefined) return { compatible: false, reason };
  return { compatible: true, reason: "whatever params were taken are taken still" };
}

/** References are not followed: what they point to must be the same on both sides. */
function referencesDiffer(before: JsonSchema, after: JsonSchema): string | undefined {
  const references = [...referencesIn(before), ...referencesIn(after)];
  const definitions = (schema: JsonSchema) =>
    typeof schema === "boolean" ? [] : [schema["$defs"] ?? null, schema["definitions"] ?? null];
  const isSame =
    references.every((target) => /^#\/(?:\$defs|definitions)\//.test(target)) &&
    isEqual(definitions(before), definitions(after));
  return references.length === 0 || isSame
    ? undefined
    : "cannot tell: definitions that the schema refers to have changed";
}

/** Why `after` may refuse what `before` takes; undefined when it certainly does not. */
function narrowing(before: JsonSchema, after: JsonSchema, at: string): string | undefined {
  if (before === false || after === true || isEqual(before, after)) return undefined;
  const place = at === "" ? "the params" : at;
  if (after === false) return `${place} ${at === "" ? "are" : "is"} not taken any more`;
  const old = before === true ? {} : before;
  for (const [keyword, value] of Object.entries(after)) {
    const rule = Object.hasOwn(rules, keyword) ? rules[keyword]! : isUnchanged;
    const reason = rule({ keyword, value, before: old, after, at, place });
    if (reason !== undefined) return reason;
  }
  return undefined;
}

interface Comparison {
  keyword: string;
  /** Of the keyword in `after`. */
  value: Json;
  before: JsonObject;
  after: JsonObject;
  at: string;
  place: string;
}

/** One rule per keyword that can be compared; any other one must be the same on both sides. */
const rules: Readonly<Record<string, (comparison: Comparison) => string | undefined>> = {
  $defs: () => undefined,
  definitions: () => undefined,
  // What the author's schema fills in narrows nothing.
  default: () => undefined,
  type({ value, before, place }) {
    const types = namesIn(value);
    const isTaken = (type: string) => types.includes(type) || (type === "integer" && types.includes("number"));
    return typesOf(before)?.every(isTaken) ? undefined : `${place} must be of type ${types.join(" or ")} now`;
  },
  enum: (comparison) => valuesNarrowed(comparison, listOf(comparison.value)),
  const: (comparison) => valuesNarrowed(comparison, [comparison.value]),
  required({ value, before, at }) {
    const required = namesIn(before["required"] ?? []);
    const added = namesIn(value).find((name) => !required.includes(name));
    return added === undefined ? undefined : `${at}/${added} is required now`;
  },
  minimum: (comparison) => boundNarrowed(comparison, "exclusiveMinimum", (old, next) => old >= next),
  exclusiveMinimum: (comparison) => exclusiveNarrowed(comparison, "minimum", (old, next) => old > next),
  maximum: (comparison) => boundNarrowed(comparison, "exclusiveMaximum", (old, next) => old <= next),
  exclusiveMaximum: (comparison) => exclusiveNarrowed(comparison, "maximum", (old, next) => old < next),
  minLength: (comparison) => boundNarrowed(comparison, null, (old, next) => old >= next),
  minItems: (comparison) => boundNarrowed(comparison, null, (old, next) => old >= next),
  minProperties: (comparison) => boundNarrowed(comparison, null, (old, next) => old >= next),
  maxLength: (comparison) => boundNarrowed(comparison, null, (old, next) => old <= next),
  maxItems: (comparison) => boundNarrowed(comparison, null, (old, next) => old <= next),
  maxProperties: (comparison) => boundNarrowed(comparison, null, (old, next) => old <= next),
  properties({ value, before, at }) {
    return firstReason(Object.entries(value as JsonObject), ([name, schema]) =>
      narrowing(propertyOf(before, name), schema as JsonSchema, `${at}/${name}`),
    );
  },
  additionalProperties({ value, before, after, at }) {
    const others = value as JsonSchema;
    const named = Object.keys(membersOf(after, "properties"));
    const left = Object.entries(membersOf(before, "properties")).filter(([name]) => !named.includes(name));
    return (
      firstReason(left, ([name, schema]) => narrowing(schema, others, `${at}/${name}`)) ??
      firstReason(Object.entries(membersOf(before, "patternProperties")), ([pattern, schema]) =>
        Object.hasOwn(membersOf(after, "patternProperties"), pattern)
          ? undefined
          : narrowing(schema, others, `${at}/${pattern}`),
      ) ??
      narrowing((before["additionalProperties"] ?? true) as JsonSchema, others, `${at}/*`)
    );
  },
  propertyNames({ value, before, at }) {
    return narrowing((before["propertyNames"] ?? true) as JsonSchema, value as JsonSchema, `${at}/*`);
  },
  items(comparison) {
    const { value, before, after, at } = comparison;
    if ("prefixItems" in before || "prefixItems" in after) return areUnchanged(comparison, ["items", "prefixItems"]);
    return narrowing((before["items"] ?? true) as JsonSchema, value as JsonSchema, `${at}/*`);
  },
  prefixItems: (comparison) => areUnchanged(comparison, ["items", "prefixItems"]),
  contains: (comparison) => areUnchanged(comparison, ["contains", "minContains", "maxContains"]),
  if: (comparison) => areUnchanged(comparison, ["if", "then", "else"]),
  // They depend on what all others have looked at.
  unevaluatedItems: ({ keyword, place }) => cannotTell(keyword, place),
  unevaluatedProperties: ({ keyword, place }) => cannotTell(keyword, place),
  allOf({ value, before, at }) {
    return firstReason(schemasIn(value), (branch) => {
      const isThere = schemasIn(before["allOf"] ?? []).some((one) => narrowing(one, branch, at) === undefined);
      return isThere ? undefined : narrowing(before, branch, at);
    });
  },
  anyOf({ value, before, at, place }) {
    const isIn = (schema: JsonSchema) => schemasIn(value).some((branch) => narrowing(schema, branch, at) === undefined);
    const branches = before["anyOf"] === undefined ? [before] : schemasIn(before["anyOf"]);
    return branches.every(isIn) ? undefined : cannotTell("anyOf", place);
  },
};

function firstReason<Item>(items: readonly Item[], reason: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const found = reason(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isUnchanged({ keyword, value, before, place }: Comparison): string | undefined {
  return Object.hasOwn(before, keyword) && isEqual(before[keyword]!, value) ? undefined : cannotTell(keyword, place);
}

function areUnchanged({ before, after, place }: Comparison, keywords: readonly string[]): string | undefined {
  const changed = keywords.find((keyword) => !isEqual(before[keyword] ?? null, after[keyword] ?? null));
  return changed === undefined ? undefined : cannotTell(changed, place);
}

function cannotTell(keyword: string, place: string): string {
  return `cannot tell whether ${place} may still be all that it could be: ${keyword} has changed`;
}

function valuesNarrowed({ before, place }: Comparison, taken: readonly Json[]): string | undefined {
  const lost = valuesOf(before)?.filter((value) => !taken.some((other) => isEqual(value, other)));
  if (lost?.length === 0) return undefined;
  if (lost === undefined) return `${place} must be one of ${JSON.stringify(taken)} now`;
  return `${place} may not be ${lost.map((value) => JSON.stringify(value)).join(" or ")} any more`;
}

function boundNarrowed(
  { keyword, value, before, place }: Comparison,
  exclusive: string | null,
  isTighter: (old: number, next: number) => boolean,
): string | undefined {
  const bounds = [before[keyword], exclusive === null ? undefined : before[exclusive]];
  const isKept = bounds.some((old) => typeof old === "number" && isTighter(old, value as number));
  return isKept ? undefined : `${keyword} of ${place} is ${JSON.stringify(value)} now`;
}

/** An inclusive bound of before implies an exclusive one only when it lies beyond. */
function exclusiveNarrowed(
  comparison: Comparison,
  inclusive: string,
  isBeyond: (old: number, next: number) => boolean,
): string | undefined {
  const { value, before } = comparison;
  const old = before[inclusive];
  if (typeof old === "number" && isBeyond(old, value as number)) return undefined;
  return boundNarrowed(comparison, null, (was, next) => was === next || isBeyond(was, next));
}

function typesOf(schema: JsonObject): readonly string[] | undefined {
  if (schema["type"] !== undefined) return namesIn(schema["type"]);
  return valuesOf(schema)?.map((value) => {
    if (value === null) return "null";
    if (Array.isArray(value)) return "array";
    return Number.isInteger(value) ? "integer" : typeof value;
  });
}

function valuesOf(schema: JsonObject): readonly Json[] | undefined {
  if (schema["enum"] !== undefined) return listOf(schema["enum"]);
  return "const" in schema ? [schema["const"]!] : undefined;
}

/**
 * What a property of this name had to satisfy at least. One that an open schema did not speak of counts as never given: to add
 * an optional param breaks nobody.
 */
function propertyOf(schema: JsonObject, name: string): JsonSchema {
  const properties = membersOf(schema, "properties");
  if (Object.hasOwn(properties, name)) return properties[name]!;
  if ("patternProperties" in schema) return true;
  return (schema["additionalProperties"] ?? !("properties" in schema)) as JsonSchema;
}

function membersOf(schema: JsonObject, keyword: string): Readonly<Record<string, JsonSchema>> {
  const members = schema[keyword];
  return isJsonObject(members) ? (members as Record<string, JsonSchema>) : {};
}

function schemasIn(value: Json): readonly JsonSchema[] {
  return listOf(value) as readonly JsonSchema[];
}

function namesIn(value: Json): readonly string[] {
  return listOf(value) as readonly string[];
}

function listOf(value: Json): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [value];
}

function isEqual(a: Json, b: Json): boolean {
  return canonicalJson(a) === canonicalJson(b);
}
