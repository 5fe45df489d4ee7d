import type { Snapshot } from "../domain/snapshot.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";
import { hintOf } from "../kernel/error-catalogue.ts";
import { CascadeError, problem, type Problem, PROBLEMS_MAX } from "../kernel/errors.ts";
import type { Json } from "../kernel/json.ts";
import type { CheckedValue, Checks } from "../ports/checks.ts";

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
   * `PARAMS_INVALID` with up to a hundred problems and their places.
   */
  check(given: readonly GivenParams[]): Promise<readonly string[]>;
}

/**
 * Validates against JSON Schema, draft 2020-12. `format` is a note to people and checks nothing; defaults are not filled
 * in, because the author's own schema does that in the task process.
 */
export function createParamsCheck(checks: Pick<Checks, "params">): ParamsCheck {
  return {
    async check(given) {
      const values = given.map(({ params }): CheckedValue => ({ value: params, text: canonicalJson(params) }));
      const problems: Problem[] = [];
      let failing = "";
      for (const [snapshot, indices] of bySnapshot(given)) {
        const { params: schema } = snapshot.definition;
        if (schema === null) continue;
        const mistakes = await checks.params(
          snapshot.digest,
          schema,
          indices.map((index) => values[index]!),
        );
        for (const [position, found] of mistakes.entries()) {
          const { place } = given[indices[position]!]!;
          for (const { pointer, message } of found) {
            failing ||= snapshot.definition.name;
            if (problems.length < PROBLEMS_MAX)
              problems.push(
                problem(
                  "PARAMS_INVALID",
                  `${place}${pointer}` || "/",
                  message,
                  hintOf("PARAMS_INVALID", { workflow: failing }),
                ),
              );
          }
        }
      }
      if (problems.length > 0)
        throw new CascadeError("PARAMS_INVALID", summaryOf(problems), { problems, about: { workflow: failing } });
      return values.map(({ text }) => text);
    },
  };
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
