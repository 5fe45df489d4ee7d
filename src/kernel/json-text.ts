import { isUtf8 } from "node:buffer";
import { CascadeError } from "./errors.ts";
import type { Json } from "./json.ts";
import { endOfString, findJsonFault, type JsonFault } from "./json-fault.ts";

/** Deeper texts are refused: they are a mistake or an attack, and whatever walks them by recursion would overflow the stack. */
export const JSON_DEPTH_MAX = 200;

const AS_TEXT = "Write it as a string.";

export interface ReadJson {
  /** As it was written, without white space and byte order mark around it. */
  text: string;
  value: Json;
}

export type JsonReading = { ok: true; json: ReadJson } | { ok: false; reason: string; hint: string };

/**
 * Reads a JSON text, refusing whatever JavaScript would make another value of: a number that it would write back as
 * another one, a repeated key, half of a surrogate pair. The reason names the place as a JSON pointer.
 */
export function readJsonText(given: string): JsonReading {
  const text = bare(given);
  const facts = scan(text);
  if (facts.tooDeep) {
    return { ok: false, reason: `it is nested deeper than ${JSON_DEPTH_MAX} levels`, hint: "Write it flatter." };
  }
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    const reason = text === "" ? "it is empty" : `it is not JSON: ${(error as Error).message}`;
    return { ok: false, reason, hint: "Write one JSON value in UTF-8." };
  }
  const isSuspicious = facts.suspicious || (facts.members > 1 && countMembers(value) !== facts.members);
  const fault = isSuspicious ? findJsonFault(text) : undefined;
  return fault ? { ok: false, reason: faultText(fault), hint: faultHint(fault) } : { ok: true, json: { text, value } };
}

/** Reads JSON bytes in UTF-8, with or without a byte order mark, as `readJsonText` does. */
export function readJsonBytes(bytes: Uint8Array): JsonReading {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return {
      ok: false,
      reason: `byte ${firstBadByte(bytes)} of it is not UTF-8`,
      hint: "Write it in UTF-8.",
    };
  }
  return readJsonText(text);
}

/** The value of a JSON text, or `JSON_INVALID`; `what` begins the message. */
export function parseJson(given: string | Uint8Array, what: string): ReadJson {
  const reading = typeof given === "string" ? readJsonText(given) : readJsonBytes(given);
  if (reading.ok) return reading.json;
  throw new CascadeError("JSON_INVALID", `${what} is not accepted: ${reading.reason}`, { hint: reading.hint });
}

const isSpace = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/** Without the byte order mark and the white space of JSON around it. */
function bare(given: string): string {
  let start = given.charCodeAt(0) === 0xfeff ? 1 : 0;
  let end = given.length;
  while (start < end && isSpace(given.charCodeAt(start))) start++;
  while (end > start && isSpace(given.charCodeAt(end - 1))) end--;
  return given.slice(start, end);
}

/** What a look at every part of a text tells, right for each text that `JSON.parse` takes. */
interface TextFacts {
  tooDeep: boolean;
  /** It holds something that only a careful reading can judge. */
  suspicious: boolean;
  /** Members of all objects. */
  members: number;
}

const QUOTE = 0x22;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const LARGE_E = 0x45;
const LIST_START = 0x5b;
const LIST_END = 0x5d;
const SMALL_E = 0x65;
const OBJECT_START = 0x7b;
const OBJECT_END = 0x7d;
/** Whole numbers of so many digits are exact. */
const EXACT_DIGITS = 15;
/** Without an exponent, a fraction of so many digits is not taken for zero. */
const FRACTION_DIGITS = 300;

function scan(text: string): TextFacts {
  // Escapes are rare, and without one the next quote ends a string.
  const hasEscape = text.includes("\\");
  let suspicious = !text.isWellFormed() || (hasEscape && /\\u[dD][89a-fA-F]/.test(text));
  let members = 0;
  let depth = 0;
  let digits = 0;
  let digitsMax = EXACT_DIGITS;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code <= NINE) {
      if (++digits > digitsMax) suspicious = true;
      continue;
    }
    if (digits > 0) {
      if (code === DOT) digitsMax = FRACTION_DIGITS;
      else {
        // An exponent comes after a digit, which tells it from the `e` of `true` and `false`.
        if (code === SMALL_E || code === LARGE_E) suspicious = true;
        digits = 0;
        digitsMax = EXACT_DIGITS;
      }
    }
    switch (code) {
      case QUOTE:
        at = hasEscape ? endOfString(text, at) : text.indexOf('"', at + 1);
        // Not JSON, which the parser says better.
        if (at < 0) return { tooDeep: false, suspicious: false, members: 0 };
        break;
      case COLON:
        members++;
        break;
      case LIST_START:
      case OBJECT_START:
        if (++depth > JSON_DEPTH_MAX) return { tooDeep: true, suspicious: true, members };
        break;
      case LIST_END:
      case OBJECT_END:
        depth--;
        break;
    }
  }
  return { tooDeep: false, suspicious, members };
}

/** A repeated key is one member less in the value than in the text. */
function countMembers(value: Json): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) count += countMembers(item);
    return count;
  }
  const object = value as { readonly [key: string]: Json };
  for (const key in object) count += 1 + countMembers(object[key]!);
  return count;
}

function faultText({ kind, pointer, found }: JsonFault): string {
  const place = pointer === "" ? "it" : `the value at ${short(pointer)}`;
  switch (kind) {
    case "number":
      return `${place} is the number ${short(found)}, which cannot be kept exactly`;
    case "repeated":
      return `the key ${short(JSON.stringify(found))} is there twice at ${pointer === "" ? "the top" : short(pointer)}`;
    case "surrogate":
      return `${place} holds half of a surrogate pair`;
  }
}

function faultHint({ kind }: JsonFault): string {
  switch (kind) {
    case "number":
      return AS_TEXT;
    case "repeated":
      return "Write each key once.";
    case "surrogate":
      return "Write both halves of the character, or the character itself.";
  }
}

function short(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** Counted from 1: where the first character begins that is none. */
function firstBadByte(bytes: Uint8Array): number {
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (isUtf8(bytes.subarray(0, wholeUpTo(bytes, middle)))) low = middle;
    else high = middle - 1;
  }
  return wholeUpTo(bytes, low) + 1;
}

/** The end of the last whole character before `end`. */
function wholeUpTo(bytes: Uint8Array, end: number): number {
  for (let back = 0; back < 4 && back <= end; back++) if (isUtf8(bytes.subarray(0, end - back))) return end - back;
  return end;
}
