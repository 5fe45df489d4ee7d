import { writesBackEqual } from "./decimal.ts";
import { jsonPointer } from "./json.ts";

/** Why a text that `JSON.parse` takes is not kept as the value that was meant. */
export interface JsonFault {
  kind: "number" | "repeated" | "surrogate";
  /** JSON pointer; of a repeated key that of its object. */
  pointer: string;
  /** The number as it was written, or the key. */
  found: string;
}

/** An object or a list that is being read, and the key or the index in it. */
interface Container {
  keys: Set<string> | null;
  part: string | number;
}

/** The quote that ends the string which begins at `from`; -1 when none does. */
export function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text[at - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return -1;
}

/** The first fault in the order of the text, which `JSON.parse` takes; undefined when there is none. */
export function findJsonFault(text: string): JsonFault | undefined {
  const open: Container[] = [];
  const number = /-?\d[\d.eE+-]*/y;
  let expectsKey = false;
  for (let at = 0; at < text.length; at++) {
    const inner = open.at(-1);
    switch (text[at]) {
      case "{":
        open.push({ keys: new Set(), part: "" });
        expectsKey = true;
        break;
      case "[":
        open.push({ keys: null, part: 0 });
        expectsKey = false;
        break;
      case "}":
      case "]":
        open.pop();
        break;
      case ":":
        expectsKey = false;
        break;
      case ",":
        if (inner?.keys) expectsKey = true;
        else if (inner) inner.part = Number(inner.part) + 1;
        break;
      case '"': {
        const end = endOfString(text, at);
        const value = JSON.parse(text.slice(at, end + 1)) as string;
        at = end;
        const isKey = expectsKey && inner?.keys;
        const place = isKey ? open.slice(0, -1) : open;
        if (!value.isWellFormed()) return { kind: "surrogate", pointer: pointerOf(place), found: value };
        if (!isKey) break;
        if (isKey.has(value)) return { kind: "repeated", pointer: pointerOf(place), found: value };
        isKey.add(value);
        inner.part = value;
        break;
      }
      default: {
        number.lastIndex = at;
        const [written] = number.exec(text) ?? [];
        if (written === undefined) break;
        if (!writesBackEqual(written)) return { kind: "number", pointer: pointerOf(open), found: written };
        at += written.length - 1;
      }
    }
  }
  return undefined;
}

function pointerOf(place: readonly Container[]): string {
  return jsonPointer(place.map(({ part }) => part));
}
