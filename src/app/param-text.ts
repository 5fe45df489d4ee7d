import { declaredParams, typesOfParam } from "../domain/declared-params.ts";
import type { JsonSchema } from "../domain/workflow.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { Json } from "../kernel/json.ts";
import { readJsonText } from "../kernel/json-text.ts";

/** How the texts of single params are read: by the type that the workflow's schema gives them. */
export type ParamTexts = (name: string, text: string) => Json;

/**
 * Takes the params of a workflow's view. Text stays text where the schema allows it or tells no type, so that `1.10` and `980e663509` are what was written. What can only
 * be a number, true or false, null, a list or an object is read as JSON. Throws `PARAMS_INVALID` for what is not.
 */
export function createParamTexts(workflowParams: Json): ParamTexts {
  const schema = workflowParams as JsonSchema | null;
  const declared = declaredParams(schema);
  return (name, text) => {
    const types = typesOfParam(declared.schemas.get(name) ?? [], schema);
    if (types === null || types.has("string")) return text;
    const reading = readJsonText(text);
    if (reading.ok) return reading.json.value;
    const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
    const kinds = [...types].map((type) => (type === "boolean" ? "true or false" : type));
    const wanted = `${name} is ${kinds.join(" or ")}`;
    throw new CascadeError("PARAMS_INVALID", `${wanted}, not ${JSON.stringify(shown)}: ${reading.reason}`, {
      hint: `Write it as JSON, such as ${exampleOf(kinds[0]!)}.`,
    });
  };
}

function exampleOf(type: string): string {
  const examples: Record<string, string> = { integer: "3", number: "1.5", array: '["a", "b"]', object: '{"a": 1}' };
  return examples[type] ?? type;
}
