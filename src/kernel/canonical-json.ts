import canonicalize from "canonicalize";
import { CascadeError } from "./errors.ts";
import { pointerPart } from "./json.ts";

/** Deeper input is refused: it is a mistake or an attack, and recursion here would end the process. */
const MAX_DEPTH = 64;

/**
 * The one byte form of a JSON value: RFC 8785 (JSON Canonicalization Scheme).
 * Refuses whatever has no exact JSON form with `JSON_INVALID`; the message names the place as a JSON pointer.
 */
export function canonicalJson(value: unknown): string {
  checkJson(value, "", 0);
  const text = canonicalize(value);
  if (text === undefined) throw notJson("", "it has no JSON form");
  return text;
}

/** The canonical bytes, as they are hashed and signed. */
export function canonicalBytes(value: unknown): Buffer {
  return Buffer.from(canonicalJson(value), "utf8");
}

// canonicalize 4.0.0 writes invalid JSON for functions and accepts Date and Map through toJSON, so the guard comes first.
function checkJson(value: unknown, pointer: string, depth: number): void {
  if (depth > MAX_DEPTH) throw notJson(pointer, `it is nested deeper than ${MAX_DEPTH} levels`);
  switch (typeof value) {
    case "boolean":
      return;
    case "string":
      if (!value.isWellFormed()) throw notJson(pointer, "the string holds half of a surrogate pair");
      return;
    case "number":
      if (!Number.isFinite(value)) throw notJson(pointer, `${value} is not a JSON number`);
      return;
    case "object":
      break;
    default:
      throw notJson(pointer, `a ${typeof value} is not JSON`);
  }
  if (value === null) return;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      if (!(index in value)) throw notJson(`${pointer}/${index}`, "the array has a hole");
      checkJson(value[index], `${pointer}/${index}`, depth + 1);
    }
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw notJson(pointer, `a ${className(value)} is not JSON`);
  for (const [key, member] of Object.entries(value)) {
    if (!key.isWellFormed()) throw notJson(pointer, "a key holds half of a surrogate pair");
    checkJson(member, `${pointer}/${pointerPart(key)}`, depth + 1);
  }
}

function className(value: object): string {
  return value.constructor?.name ?? "value without a class";
}

function notJson(pointer: string, reason: string): CascadeError {
  return new CascadeError("JSON_INVALID", `not JSON at ${pointer === "" ? "the top" : pointer}: ${reason}`);
}
