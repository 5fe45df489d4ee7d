import type { ValidateFunction } from "ajv/dist/2020.js";
import type { DefinitionRules } from "../../domain/definition-check.ts";
import type { JsonSchema } from "../../domain/workflow.ts";
import { toCascadeError } from "../../kernel/errors.ts";
import { compileSchema, mistakesOf, schemaFormMistake } from "./compile-schema.ts";

/** Compiling costs half a millisecond; the schedules of a workflow, and mostly its versions, have one schema. */
const COMPILED_MAX = 20;

/**
 * The rules of a definition that concern JSON Schema, draft 2020-12. `format` is a note to people and checks nothing. With
 * `isQuick` only the first mistake is looked for, and only in schemas that are plain.
 */
export function createSchemaRules({
  isQuick,
}: {
  isQuick: boolean;
}): Pick<DefinitionRules, "schemaMistake" | "paramsMistakes"> {
  /** By the schema's text. */
  const compiled = new Map<string, ValidateFunction>();

  function validatorOf(schema: JsonSchema): ValidateFunction {
    const text = JSON.stringify(schema);
    const known = compiled.get(text);
    if (known) return known;
    const validate = compileSchema(schema, { allErrors: !isQuick });
    if (compiled.size >= COMPILED_MAX) compiled.clear();
    compiled.set(text, validate);
    return validate;
  }

  return {
    schemaMistake(schema) {
      const mistake = isQuick ? undefined : schemaFormMistake(schema);
      if (mistake !== undefined) return mistake;
      try {
        validatorOf(schema);
        return undefined;
      } catch (error) {
        return toCascadeError(error).message;
      }
    },
    paramsMistakes(schema, params) {
      const validate = validatorOf(schema);
      if (validate(params)) return [];
      return mistakesOf(validate, schema, params).map(
        ({ pointer, message }) => `params${pointer.replaceAll("/", ".")} ${message}`,
      );
    },
  };
}
