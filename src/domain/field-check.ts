import type { ErrorCode } from "../kernel/error-catalogue.ts";
import { type Problem, problem, PROBLEMS_MAX } from "../kernel/errors.ts";
import { isJsonObject } from "../kernel/json.ts";
import { nearestName } from "../kernel/nearest.ts";

/** The way to a field: `["tasks", 2, "after", 0]`. */
export type Path = readonly (string | number)[];

/** `tasks[2].after[0]` */
export function formatPath(path: Path): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index > 0 ? "." : ""}${part}`))
    .join("");
}

/**
 * Stands, as the only key of an object, for a value that has no JSON form; its member says what was found.
 * A definition that was read in another process arrives with such marks, so that the mistake can be named.
 */
export const NOT_JSON = "\u0000not JSON";

/** Reads fields of untrusted values. What is wrong is collected with its place, and read as undefined. */
export interface FieldCheck {
  /** The first hundred. */
  readonly problems: readonly Problem[];
  /** Runs a check up to its hundredth problem: what a stranger wrote may have millions. */
  collect(check: () => void): void;
  report(code: ErrorCode, path: Path, message: string, hint?: string): void;
  /** The members of an object; keys that are not in `keys` are reported, with the nearest one that is. */
  /** `words` are those of others for keys: one is reported with the key that is meant, and read as that. */
  object(
    value: unknown,
    path: Path,
    keys: readonly string[],
    words?: Readonly<Record<string, string>>,
  ): Record<string, unknown> | undefined;
  /** The members of an object whose keys are the author's own. */
  map(value: unknown, path: Path): Record<string, unknown> | undefined;
  list(value: unknown, path: Path): readonly unknown[] | undefined;
  text(value: unknown, path: Path): string | undefined;
  number(value: unknown, path: Path, range: { min: number; max: number }): number | undefined;
  integer(value: unknown, path: Path, range: { min: number; max: number }): number | undefined;
  oneOf<const Kind extends string>(value: unknown, path: Path, kinds: readonly Kind[]): Kind | undefined;
}

class EnoughProblems extends Error {}

/** `nameOf` is what messages call a field. */
export function createFieldCheck(placeOf: (path: Path) => string, nameOf: (path: Path) => string = lastOf): FieldCheck {
  const problems: Problem[] = [];
  let isCollecting = false;
  const report: FieldCheck["report"] = (code, path, message, hint) => {
    if (problems.length < PROBLEMS_MAX) problems.push(problem(code, placeOf(path), message, hint));
    if (isCollecting && problems.length === PROBLEMS_MAX) throw new EnoughProblems();
  };
  const expected = (what: string, value: unknown, path: Path) => {
    report("FIELD_INVALID", path, `${nameOf(path)} must be ${what}, not ${describeValue(value)}`);
    return undefined;
  };
  const number: FieldCheck["number"] = (value, path, { min, max }) =>
    typeof value === "number" && value >= min && value <= max
      ? value
      : expected(`a number from ${min} to ${max}`, value, path);
  const membersOf: FieldCheck["map"] = (value, path) =>
    isJsonObject(value) && !(NOT_JSON in value) ? value : expected("an object", value, path);
  return {
    problems,
    report,
    collect(check) {
      isCollecting = true;
      try {
        check();
      } catch (error) {
        if (!(error instanceof EnoughProblems)) throw error;
      } finally {
        isCollecting = false;
      }
    },
    map: membersOf,
    object(value, path, keys, words = {}) {
      const members = membersOf(value, path);
      if (!members) return undefined;
      const meant: Record<string, unknown> = {};
      for (const key of Object.keys(members)) {
        if (keys.includes(key)) continue;
        const word = Object.hasOwn(words, key) ? words[key] : undefined;
        if (word !== undefined && !Object.hasOwn(members, word)) meant[word] = members[key];
        const nearest = word ?? nearestName(key, keys);
        report(
          "FIELD_UNKNOWN",
          [...path, key],
          `there is no key "${key}"${path.length > 0 ? ` in ${nameOf(path)}` : ""}${nearest === undefined ? "" : `; did you mean "${nearest}"?`}`,
          `Known keys: ${keys.join(", ")}.`,
        );
      }
      return Object.keys(meant).length === 0 ? members : { ...members, ...meant };
    },
    list: (value, path) => (Array.isArray(value) ? value : expected("a list", value, path)),
    text: (value, path) => (typeof value === "string" ? value : expected("text", value, path)),
    number,
    integer: (value, path, range) =>
      Number.isInteger(value)
        ? number(value, path, range)
        : expected(`a whole number from ${range.min} to ${range.max}`, value, path),
    oneOf: (value, path, kinds) =>
      kinds.find((kind) => kind === value) ??
      expected(kinds.map((kind) => JSON.stringify(kind)).join(" or "), value, path),
  };
}

/** What was found in the place of something else, short enough for a message. */
export function describeValue(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (isJsonObject(value)) return NOT_JSON in value ? String(value[NOT_JSON]) : "an object";
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function lastOf(path: Path): string {
  const last = path.at(-1);
  return typeof last === "number" ? formatPath(path.slice(-2)) : (last ?? "it");
}
