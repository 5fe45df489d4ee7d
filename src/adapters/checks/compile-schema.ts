import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { paramMistake } from "../../domain/param-mistake.ts";
import type { JsonSchema } from "../../domain/workflow.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { SchemaMistake } from "../../ports/checks.ts";
import { boundedText, PROBLEMS_MAX } from "../../kernel/errors.ts";

const shared = {
  strict: false,
  // `format` is a note to people.
  validateFormats: false,
  logger: false,
  addUsedSchema: false,
  // Inlining multiplies what a schema refers to often.
  inlineRefs: false,
} as const;

/** Judges the form of schemas and nothing else: no schema is ever compiled into it. */
let judge: Ajv2020 | undefined;

/**
 * Why a value cannot serve as a JSON Schema, draft 2020-12; undefined when it can. A schema that is plain is of the right form
 * already and need not be asked about. Loading the meta-schema takes 10 ms once.
 */
export function schemaFormMistake(schema: JsonSchema): string | undefined {
  if (typeof schema === "boolean") return undefined;
  if ("$async" in schema) return "$async is not part of JSON Schema";
  judge ??= new Ajv2020(shared);
  if (judge.validateSchema(withoutDialect(schema)) === true) return undefined;
  const [first] = judge.errors ?? [];
  return `schema${first?.instancePath.replaceAll("/", ".") ?? ""} ${first?.message ?? "is wrong"}`;
}

/**
 * Compiles a schema with a compiler of its own, so that whatever `$id` it bears is no other schema's. `allErrors` finds everything
 * that is wrong with a value, at a price that only another thread can pay. Throws for what cannot be compiled.
 */
export function compileSchema(schema: JsonSchema, { allErrors }: { allErrors: boolean }): ValidateFunction {
  const ajv = new Ajv2020({ ...shared, allErrors, meta: false, validateSchema: false });
  try {
    return ajv.compile(withoutDialect(schema));
  } catch (error) {
    if (error instanceof RangeError) throw new Error("its $refs go in a circle, or it is nested too deeply");
    throw error;
  }
}

/** `$schema` would be looked up as another schema. */
function withoutDialect(schema: JsonSchema): JsonSchema {
  if (!isJsonObject(schema) || !("$schema" in schema)) return schema;
  const { $schema: _dialect, ...rest } = schema;
  return rest;
}

/** What a validator found last, when `value` was held against `schema`. */
export function mistakesOf({ errors }: ValidateFunction, schema: JsonSchema, value: unknown): SchemaMistake[] {
  return (errors ?? []).slice(0, PROBLEMS_MAX).map((error) => ({
    pointer: boundedText(error.instancePath),
    message: boundedText(paramMistake(error, schema, value)),
    keyword: error.keyword,
  }));
}
