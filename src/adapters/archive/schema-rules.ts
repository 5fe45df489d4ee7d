import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import type { DefinitionRules } from "../../domain/definition-check.ts";
import { toCascadeError } from "../../kernel/errors.ts";

/** The rules of a definition that concern JSON Schema, draft 2020-12. `format` is a note to people and checks nothing. */
export function createSchemaRules(): Pick<DefinitionRules, "schemaMistake" | "paramsMistakes"> {
  let made: Ajv2020 | undefined;
  // Made when the first schema comes: a start without a new package has none.
  const validator = () =>
    (made ??= new Ajv2020({
      allErrors: true,
      strict: false,
      validateFormats: false,
      // Schemas of different packages may bear one $id, so none is kept under it.
      addUsedSchema: false,
      logger: false,
    }));
  return {
    schemaMistake(schema) {
      if (typeof schema === "object" && "$async" in schema) return "$async is not part of JSON Schema";
      const ajv = validator();
      try {
        ajv.compile(schema);
        return undefined;
      } catch (error) {
        return toCascadeError(error).message;
      } finally {
        ajv.removeSchema(schema);
      }
    },
    paramsMistakes(schema, params) {
      const ajv = validator();
      const validate = ajv.compile(schema);
      ajv.removeSchema(schema);
      return validate(params) ? [] : (validate.errors ?? []).map(formatMistake);
    },
  };
}

function formatMistake({ instancePath, message, params }: ErrorObject): string {
  const place = instancePath === "" ? "params" : `params${instancePath.replaceAll("/", ".")}`;
  const unknown = "additionalProperty" in params ? ` ("${String(params["additionalProperty"])}")` : "";
  return `${place} ${message ?? "is wrong"}${unknown}`;
}
