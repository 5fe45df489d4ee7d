import type { RunId } from "../domain/run.ts";
import { CascadeError } from "../kernel/errors.ts";
import { isIdEnding } from "../kernel/ids.ts";
import type { RunStore } from "../ports/store.ts";

/** Enough to show that an ending is short, without reading every run. */
const CANDIDATES_SHOWN = 5;
const FULL_LENGTH = 36;

/**
 * The run that a person means by an id or by any unique ending of it, six characters or longer.
 * Throws `RUN_UNKNOWN`, or `ID_AMBIGUOUS` with `details.candidates`. A full id is not looked up.
 */
export async function resolveRunId(store: Pick<RunStore, "runIdsByEnding">, text: string): Promise<RunId> {
  const ending = text.toLowerCase();
  if (!isIdEnding(ending)) {
    throw new CascadeError("RUN_UNKNOWN", `${text} is not a run's id`, {
      hint: "Type the id, or six or more characters of its end.",
    });
  }
  if (ending.length === FULL_LENGTH) return ending;
  const candidates = await store.runIdsByEnding(ending, CANDIDATES_SHOWN);
  if (candidates.length === 0) throw runUnknown(text);
  if (candidates.length > 1) {
    throw new CascadeError("ID_AMBIGUOUS", `several runs end with ${text}: ${candidates.join(", ")}`, {
      details: { candidates },
    });
  }
  return candidates[0]!;
}

/** Whether a text is a whole id. */
export function isRunId(text: string): boolean {
  return text.length === FULL_LENGTH && isIdEnding(text);
}

export function runUnknown(id: string): CascadeError {
  return new CascadeError("RUN_UNKNOWN", `there is no run ${id}`);
}
