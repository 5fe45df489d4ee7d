import { isJsonObject } from "../kernel/json.ts";
import { isPlainPattern } from "./plain-pattern.ts";
import type { JsonSchema } from "./workflow.ts";

/** Schemas of people have tens of nodes; compiling this many takes 20 ms. */
const NODES_MAX = 500;
/** Nodes when each `$ref` is counted as what it points to. */
const EXPANDED_MAX = 1_000;
/** Schemas that one value is held against, at most. */
const BRANCHES_MAX = 64;
const UNIQUE_ITEMS_MAX = 100;
const DEPTH_MAX = 32;

const count = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const finite = (value: unknown) => typeof value === "number" && Number.isFinite(value);
const texts = (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === "string");
const types = ["array", "boolean", "integer", "null", "number", "object", "string"];
const isType = (value: unknown) => typeof value === "string" && types.includes(value);

/** Keywords that hold no schema, each with what its value must look like. What is not listed here or below makes no plain schema. */
const assertions: Readonly<Record<string, (value: unknown) => boolean>> = {
  type: (value) => isType(value) || (Array.isArray(value) && value.length > 0 && value.every(isType)),
  enum: (value) => Array.isArray(value) && value.length > 0,
  const: () => true,
  required: texts,
  minimum: finite,
  maximum: finite,
  exclusiveMinimum: finite,
  exclusiveMaximum: finite,
  multipleOf: (value) => finite(value) && (value as number) > 0,
  minLength: count,
  maxLength: count,
  minItems: count,
  maxItems: count,
  minProperties: count,
  maxProperties: count,
  pattern: (value) => typeof value === "string" && isPlainPattern(value),
  uniqueItems: (value) => typeof value === "boolean",
};

/** Keywords for people and programs; they decide nothing. */
const annotations: ReadonlySet<string> = new Set([
  "$comment",
  "$schema",
  "contentEncoding",
  "contentMediaType",
  "default",
  "deprecated",
  "description",
  "examples",
  "format",
  "readOnly",
  "title",
  "writeOnly",
]);

interface Size {
  nodes: number;
  /** Of the schemas that one value meets, the most. */
  branches: number;
}

/**
 * Whether a schema can be compiled, and a value held against it, in time and memory in proportion to both, whoever wrote it: few
 * nodes of known keywords, acyclic references, few branches, and only patterns that are linear.
 */
export function isPlainSchema(schema: JsonSchema): boolean {
  try {
    const size = createMeasure(schema)(schema, 0);
    return size.nodes <= EXPANDED_MAX && size.branches <= BRANCHES_MAX;
  } catch (error) {
    if (error instanceof NotPlain) return false;
    throw error;
  }
}

class NotPlain extends Error {}

function createMeasure(root: JsonSchema) {
  const definitions = new Map<string, unknown>();
  for (const keyword of ["$defs", "definitions"]) {
    const named = isJsonObject(root) ? root[keyword] : undefined;
    if (!isJsonObject(named)) continue;
    for (const [name, schema] of Object.entries(named)) definitions.set(`#/${keyword}/${name}`, schema);
  }
  const measured = new Map<unknown, Size | "open">();
  let seen = 0;

  function measure(schema: unknown, depth: number): Size {
    if (typeof schema === "boolean") return { nodes: 1, branches: 1 };
    if (!isJsonObject(schema) || depth > DEPTH_MAX) throw new NotPlain();
    const known = measured.get(schema);
    if (known === "open") throw new NotPlain();
    if (known) return known;
    if (++seen > NODES_MAX) throw new NotPlain();
    measured.set(schema, "open");
    const size = measureMembers(schema, depth);
    if (size.nodes > EXPANDED_MAX || size.branches > BRANCHES_MAX) throw new NotPlain();
    measured.set(schema, size);
    return size;
  }

  function measureMembers(schema: Record<string, unknown>, depth: number): Size {
    let nodes = 1;
    /** Held against the same value. */
    let beside = 0;
    let below = 1;
    const add = (child: unknown, sameValue: boolean) => {
      const size = measure(child, depth + 1);
      nodes += size.nodes;
      if (sameValue) beside += size.branches;
      else below = Math.max(below, size.branches);
    };
    for (const [keyword, value] of Object.entries(schema)) {
      if (annotations.has(keyword)) continue;
      switch (keyword) {
        case "properties":
        case "$defs":
        case "definitions":
          if (!isJsonObject(value) || (keyword !== "properties" && depth > 0)) throw new NotPlain();
          for (const child of Object.values(value)) add(child, false);
          break;
        case "additionalProperties":
        case "items":
          add(value, false);
          break;
        case "prefixItems":
          for (const child of listOf(value)) add(child, false);
          break;
        case "allOf":
        case "anyOf":
        case "oneOf":
          for (const child of listOf(value)) add(child, true);
          break;
        case "not":
        case "if":
        case "then":
        case "else":
          add(value, true);
          break;
        case "$ref":
          if (typeof value !== "string" || !definitions.has(value)) throw new NotPlain();
          add(definitions.get(value), true);
          break;
        default:
          if (!Object.hasOwn(assertions, keyword) || !assertions[keyword]!(value)) throw new NotPlain();
      }
    }
    const { uniqueItems, maxItems } = schema;
    if (uniqueItems === true && !(typeof maxItems === "number" && maxItems <= UNIQUE_ITEMS_MAX)) throw new NotPlain();
    return { nodes, branches: Math.max(1, beside) * below };
  }
  return measure;
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) throw new NotPlain();
  return value;
}
