import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import type { Snapshot } from "../domain/snapshot.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";
import type { Digest } from "../kernel/digest.ts";
import { CascadeError, problem, type Problem } from "../kernel/errors.ts";
import type { Json } from "../kernel/json.ts";

/** Compiled schemas of so many snapshots stay in memory; starting a run of another one compiles again. */
const COMPILED_MAX = 500;

/** Checks what is given to a run before anything is stored. */
export interface ParamsCheck {
  /**
   * The params as the canonical JSON text that is stored and compared. Throws `JSON_INVALID`, or `PARAMS_INVALID` with
   * every problem and its place as a JSON pointer below `place`.
   */
  check(snapshot: Pick<Snapshot, "digest" | "definition">, params: Json, place?: string): string;
}

/**
 * Validates against JSON Schema, draft 2020-12. `format` is a note to people and checks nothing; defaults are not filled
 * in, because the author's own schema does that in the task host.
 */
export function createParamsCheck(): ParamsCheck {
  let made: Ajv2020 | undefined;
  // Made when the first schema comes: 3 ms that a start does not need.
  const validator = () =>
    (made ??= new Ajv2020({
      allErrors: true,
      strict: false,
      validateFormats: false,
      // Schemas of different packages may bear one $id, so none is kept under it.
      addUsedSchema: false,
      logger: false,
    }));
  const compiled = new Map<Digest, ValidateFunction>();

  function validatorOf(snapshot: Pick<Snapshot, "digest" | "definition">): ValidateFunction | undefined {
    const { params: schema } = snapshot.definition;
    if (schema === null) return undefined;
    const known = compiled.get(snapshot.digest);
    if (known) return known;
    const ajv = validator();
    const validate = ajv.compile(schema);
    ajv.removeSchema(schema);
    if (compiled.size >= COMPILED_MAX) compiled.delete(compiled.keys().next().value!);
    compiled.set(snapshot.digest, validate);
    return validate;
  }

  return {
    check(snapshot, params, place = "") {
      const text = canonicalJson(params);
      const validate = validatorOf(snapshot);
      if (!validate || validate(params)) return text;
      const problems = (validate.errors ?? []).map((error) => problemOf(error, place));
      throw new CascadeError("PARAMS_INVALID", summaryOf(problems), { problems });
    },
  };
}

function problemOf(error: ErrorObject, place: string): Problem {
  const { instancePath, message, params } = error;
  const extra = "additionalProperty" in params ? `: ${String(params["additionalProperty"])}` : "";
  const allowed = "allowedValues" in params ? `: ${JSON.stringify(params["allowedValues"])}` : "";
  return problem("PARAMS_INVALID", `${place}${instancePath}` || "/", `${message ?? "is wrong"}${extra}${allowed}`);
}

function summaryOf(problems: readonly Problem[]): string {
  const [first] = problems;
  const rest = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return first ? `params: ${first.place} ${first.message}${rest}` : "the params do not satisfy the schema";
}
