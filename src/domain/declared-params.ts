import { isJsonObject } from "../kernel/json.ts";
import { nearestName } from "../kernel/nearest.ts";
import type { JsonSchema } from "./workflow.ts";

/** A schema that refers to itself in more places than this is taken for one that allows any name. */
const PARTS_MAX = 1_000;
/** Of more names that nobody declared, these are told; that is enough to see what is wrong. */
const UNDECLARED_MAX = 20;

type SchemaPart = Readonly<Record<string, unknown>>;

/** The params that a schema names, each with what its parts say about it. */
export interface DeclaredParams {
  schemas: ReadonlyMap<string, readonly unknown[]>;
  /**
   * Other names are meant to be allowed: it says so with `additionalProperties`, `unevaluatedProperties`, `patternProperties` or
   * `propertyNames`, or it names no param at all.
   */
  open: boolean;
}

/** Reads the parts of a schema that are about the params themselves, in one bounded walk. */
export function declaredParams(schema: JsonSchema | null): DeclaredParams {
  const schemas = new Map<string, unknown[]>();
  let named = false;
  const allowsAny = walkTop(schema, (part) => {
    if (part["additionalProperties"] === false || part["unevaluatedProperties"] === false) named = true;
    if (!isJsonObject(part["properties"])) return;
    named = true;
    for (const [name, member] of Object.entries(part["properties"])) {
      const known = schemas.get(name);
      if (known) known.push(member);
      else schemas.set(name, [member]);
    }
  });
  return { schemas, open: allowsAny || !named };
}

/** True as soon as a part allows names that it does not list. */
function walkTop(schema: JsonSchema | null, visit: (part: SchemaPart) => void): boolean {
  const seen = new Set<unknown>();
  const waiting: unknown[] = [schema];
  while (waiting.length > 0) {
    const part = waiting.pop();
    if (part === true || part === null || part === undefined) return true;
    if (!isJsonObject(part) || seen.has(part)) continue;
    seen.add(part);
    if (seen.size > PARTS_MAX || allowsOthers(part)) return true;
    visit(part);
    waiting.push(...alternatives(part));
    if (typeof part["$ref"] === "string") waiting.push(referredTo(part["$ref"], schema));
    if ("$dynamicRef" in part) return true;
  }
  return false;
}

function allowsOthers(part: SchemaPart): boolean {
  const { additionalProperties = false, unevaluatedProperties = false } = part;
  const others = ["patternProperties", "propertyNames"].some((keyword) => keyword in part);
  return others || additionalProperties !== false || unevaluatedProperties !== false;
}

/** Schemas that the same value has to satisfy, or may. */
function alternatives(part: SchemaPart): unknown[] {
  const lists = ["allOf", "anyOf", "oneOf"].flatMap((keyword) =>
    Array.isArray(part[keyword]) ? (part[keyword] as unknown[]) : [],
  );
  // Conditions do not promise that what they name is wanted, but it may be given.
  const single = ["if", "then", "else"].flatMap((keyword) => (isJsonObject(part[keyword]) ? [part[keyword]] : []));
  const dependent = isJsonObject(part["dependentSchemas"]) ? Object.values(part["dependentSchemas"]) : [];
  return [...lists, ...single, ...dependent];
}

/** What a reference inside a schema points to; undefined when it is not there, or has another form. */
export function referredTo(reference: string, root: unknown): unknown {
  if (reference === "#") return root;
  if (!reference.startsWith("#/")) return undefined;
  let found: unknown = root;
  for (const part of reference.slice(2).split("/")) {
    const key = unescaped(part);
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}

function unescaped(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return part;
  }
}

/** A name that no schema declares, and what it is told as. */
export interface UndeclaredParam {
  name: string;
  message: string;
}

/** What is given without being declared. */
export function undeclaredParams({ schemas, open }: DeclaredParams, params: unknown): UndeclaredParam[] {
  if (open || !isJsonObject(params)) return [];
  const found: UndeclaredParam[] = [];
  for (const name of Object.keys(params)) {
    if (schemas.has(name)) continue;
    const shown = name.length > 80 ? `${name.slice(0, 80)}…` : name;
    const nearest = nearestName(name, schemas.keys());
    const guess = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    found.push({ name, message: `there is no param ${JSON.stringify(shown)}${guess}` });
    if (found.length === UNDECLARED_MAX) break;
  }
  return found;
}

/** The JSON types that a declared param may have, `integer` among them; null when nothing tells. */
export function typesOfParam(schemas: readonly unknown[], root: JsonSchema | null): ReadonlySet<string> | null {
  const types = new Set<string>();
  const seen = new Set<unknown>();
  const waiting = [...schemas];
  while (waiting.length > 0 && seen.size < PARTS_MAX) {
    const part = waiting.pop();
    if (!isJsonObject(part) || seen.has(part)) continue;
    seen.add(part);
    const { type, enum: choices, $ref: reference } = part;
    for (const one of Array.isArray(type) ? type : [type]) if (typeof one === "string") types.add(one);
    const values = [
      ...(Array.isArray(choices) ? (choices as unknown[]) : []),
      ...("const" in part ? [part["const"]] : []),
    ];
    if (type === undefined) for (const value of values) types.add(typeName(value));
    waiting.push(...alternatives(part));
    if (typeof reference === "string") waiting.push(referredTo(reference, root));
  }
  return types.size === 0 ? null : types;
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
