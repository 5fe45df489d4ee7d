import { isJsonObject, type Json } from "../kernel/json.ts";
import type { JsonSchema } from "./workflow.ts";

/** Where a JSON Schema holds others: as a value, in a list, by name. */
const ONE: readonly string[] = [
  "additionalProperties",
  "contains",
  "else",
  "if",
  "items",
  "not",
  "propertyNames",
  "then",
  "unevaluatedItems",
  "unevaluatedProperties",
];
const LIST: readonly string[] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const NAMED: readonly string[] = ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

/** Keywords for people: they decide nothing. */
const NOTES: readonly string[] = ["$comment", "description", "examples", "title"];

/** The schema without what is there for people only. */
export function withoutNotes(schema: JsonSchema | null): JsonSchema | null {
  return schema === null || typeof schema === "boolean" ? schema : (strip(schema) as JsonSchema);
}

function strip(schema: unknown): Json {
  if (!isJsonObject(schema)) return schema as Json;
  const kept = Object.entries(schema).filter(([key]) => !NOTES.includes(key));
  return Object.fromEntries(kept.map(([key, value]) => [key, mapChildren(key, value, strip)]));
}

function mapChildren(key: string, value: unknown, map: (schema: unknown) => Json): Json {
  if (ONE.includes(key)) return map(value);
  if (LIST.includes(key) && Array.isArray(value)) return value.map(map);
  if (NAMED.includes(key) && isJsonObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, map(schema)]));
  }
  return value as Json;
}

/** What its `$ref` and their like point to, anywhere in it. */
export function referencesIn(schema: JsonSchema): string[] {
  const found: string[] = [];
  const visit = (value: unknown): Json => {
    if (!isJsonObject(value)) return null;
    for (const [key, member] of Object.entries(value)) {
      if (/^\$(?:dynamic|recursive)?ref$/i.test(key)) found.push(String(member));
      mapChildren(key, member, visit);
    }
    return null;
  };
  visit(schema);
  return found;
}
