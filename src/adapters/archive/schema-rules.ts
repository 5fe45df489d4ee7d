import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import type { DefinitionRules } from "../../domain/definition-check.ts";
import type { JsonSchema } from "../../domain/workflow.ts";
import { toCascadeError } from "../../kernel/errors.ts";

/** Compiling costs a millisecond; the schedules of a workflow, and mostly its versions, have one schema. */
const COMPILED_MAX = 20;

/** The rules of a definition that concern JSON Schema, draft 2020-12. `format` is a note to people and checks nothing. */
export function createSchemaRules(): Pick<DefinitionRules, "schemaMistake" | "paramsMistakes"> {
  /** By the schema's text. */
  const compiled = new Map<string, ValidateFunction>();
  let ajv: Ajv2020 | undefined;

  function validatorOf(schema: JsonSchema): ValidateFunction {
    const text = JSON.stringify(schema);
    const known = compiled.get(text);
    if (known) return known;
    // Made when the first schema comes: a start without a new package has none.
    ajv ??= new Ajv2020({
      allErrors: true,
      strict: false,
      validateFormats: false,
      // Schemas of different packages may bear one $id, so none is kept under it.
      addUsedSchema: false,
      logger: false,
    });
    try {
      const validate = ajv.compile(schema);
      if (compiled.size >= COMPILED_MAX) compiled.clear();
      compiled.set(text, validate);
      return validate;
    } finally {
      ajv.removeSchema(schema);
    }
  }

  return {
    schemaMistake(schema) {
      if (typeof schema === "object" && "$async" in schema) return "$async is not part of JSON Schema";
      try {
        validatorOf(schema);
        return undefined;
      } catch (error) {
        return toCascadeError(error).message;
      }
    },
    paramsMistakes(schema, params) {
      const validate = validatorOf(schema);
      return validate(params) ? [] : (validate.errors ?? []).map(formatMistake);
    },
  };
}

function formatMistake({ instancePath, message, params }: ErrorObject): string {
  const place = instancePath === "" ? "params" : `params${instancePath.replaceAll("/", ".")}`;
  const unknown = "additionalProperty" in params ? ` ("${String(params["additionalProperty"])}")` : "";
  return `${place} ${message ?? "is wrong"}${unknown}`;
}
