import { declaredParams, type DeclaredParams, undeclaredParams } from "../domain/declared-params.ts";
import type { Snapshot } from "../domain/snapshot.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";
import type { Digest } from "../kernel/digest.ts";
import { hintOf } from "../kernel/error-catalogue.ts";
import { CascadeError, problem, type Problem, PROBLEMS_MAX } from "../kernel/errors.ts";
import { type Json, pointerPart } from "../kernel/json.ts";
import type { CheckedValue, Checks, SchemaMistake } from "../ports/checks.ts";

/** Definitions whose declared params stay in memory. */
const DECLARED_MAX = 500;

export interface GivenParams {
  snapshot: Pick<Snapshot, "digest" | "definition">;
  params: Json;
  /** A JSON pointer to the params in what was sent; empty when that is all. */
  place: string;
}

/** Checks what is given to runs before anything is stored. */
export interface ParamsCheck {
  /**
   * The params of each as the canonical JSON text that is stored and compared. Rejects with `JSON_INVALID`, `PARAMS_CHECK_TIMEOUT`, or
   * `PARAMS_INVALID` with up to a hundred problems and their places. A name that the schema does not declare is one, unless the schema
   * says that others are allowed.
   */
  check(given: readonly GivenParams[]): Promise<readonly string[]>;
}

/**
 * Validates against JSON Schema, draft 2020-12. `format` is a note to people and checks nothing; defaults are not filled
 * in, because the author's own schema does that in the task process.
 */
export function createParamsCheck(checks: Pick<Checks, "params">): ParamsCheck {
  const declared = new Map<Digest, DeclaredParams>();

  function undeclared({ digest, definition }: GivenParams["snapshot"], params: Json): SchemaMistake[] {
    let known = declared.get(digest);
    if (!known) {
      if (declared.size >= DECLARED_MAX) declared.delete(declared.keys().next().value!);
      declared.set(digest, (known = declaredParams(definition.params)));
    }
    return undeclaredParams(known, params).map(({ name, message }) => ({
      pointer: `/${pointerPart(name)}`,
      message,
      keyword: "additionalProperties",
    }));
  }

  return {
    async check(given) {
      const values = given.map(({ params }): CheckedValue => ({ value: params, text: canonicalJson(params) }));
      const problems: Problem[] = [];
      let failing = "";
      const report = ({ snapshot, place }: GivenParams, { pointer, message }: SchemaMistake) => {
        failing ||= snapshot.definition.name;
        if (problems.length === PROBLEMS_MAX) return;
        const hint = hintOf("PARAMS_INVALID", { workflow: failing });
        problems.push(problem("PARAMS_INVALID", `${place}${pointer}` || "/", message, hint));
      };
      for (const [snapshot, indices] of bySnapshot(given)) {
        const { params: schema } = snapshot.definition;
        if (schema === null) continue;
        const mistakes = await checks.params(
          snapshot.digest,
          schema,
          indices.map((index) => values[index]!),
        );
        for (const [position, index] of indices.entries()) {
          const unknown = undeclared(snapshot, given[index]!.params);
          for (const mistake of unknown) report(given[index]!, mistake);
          for (const mistake of mistakes[position] ?? []) {
            if (unknown.length === 0 || !isAboutNames(mistake)) report(given[index]!, mistake);
          }
        }
      }
      if (problems.length > 0) {
        throw new CascadeError("PARAMS_INVALID", summaryOf(problems), { problems, about: { workflow: failing } });
      }
      return values.map(({ text }) => text);
    },
  };
}

/** What the names that nobody declared are told as already. */
function isAboutNames({ keyword, pointer }: SchemaMistake): boolean {
  return pointer === "" && (keyword === "additionalProperties" || keyword === "unevaluatedProperties");
}

/** The indices of all that are given to one definition. */
function bySnapshot(given: readonly GivenParams[]): Iterable<[GivenParams["snapshot"], number[]]> {
  const groups = new Map<string, [GivenParams["snapshot"], number[]]>();
  for (const [index, { snapshot }] of given.entries()) {
    const group = groups.get(snapshot.digest);
    if (group) group[1].push(index);
    else groups.set(snapshot.digest, [snapshot, [index]]);
  }
  return groups.values();
}

function summaryOf(problems: readonly Problem[]): string {
  const [first] = problems;
  const rest = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return first ? `params: ${first.place} ${first.message}${rest}` : "the params do not satisfy the schema";
}
