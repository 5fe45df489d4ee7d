/** Deeper values are refused: it is a mistake, and `JSON.stringify` would overflow the stack. */
const MAX_DEPTH = 200;

export type OutputReading =
  { kind: "json"; json: string } | { kind: "invalid"; message: string } | { kind: "too_large"; message: string };

class NoJsonForm extends Error {}
class TooLarge extends Error {}

/**
 * The JSON text of what a task returned; nothing returned is null. A value without a JSON form is refused with its
 * place, rather than silently emptied. `maxBytes` bounds the text in UTF-8.
 */
export function readOutput(value: unknown, maxBytes: number): OutputReading {
  if (value === undefined) return { kind: "json", json: "null" };
  try {
    // A shared part is written once per mention, so that counting parts bounds the work before the text exists.
    createCheck(maxBytes)(value);
    const json = JSON.stringify(value);
    const size = Buffer.byteLength(json);
    if (size > maxBytes) throw new TooLarge(`it is ${size} bytes, and ${maxBytes} are allowed`);
    return { kind: "json", json };
  } catch (error) {
    if (error instanceof TooLarge) return { kind: "too_large", message: `the output is too large: ${error.message}` };
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: "invalid", message: `the output has no JSON form: ${reason}` };
  }
}

function createCheck(maxParts: number): (value: unknown) => void {
  let left = maxParts;
  const path: (string | number)[] = [];
  const refuse = (reason: string) => new NoJsonForm(`at ${pointer(path)}, ${reason}`);

  const check = (value: unknown): void => {
    if (--left < 0) throw new TooLarge("it has more parts than bytes are allowed");
    switch (typeof value) {
      case "boolean":
      case "undefined":
        return;
      case "string":
        left -= value.length;
        if (!value.isWellFormed()) throw refuse("a string holds half of a surrogate pair");
        return;
      case "number":
        if (!Number.isFinite(value)) throw refuse(`${value} is not a JSON number`);
        return;
      case "object":
        if (value !== null) checkMembers(value);
        return;
      default:
        throw refuse(`a ${typeof value} is not JSON`);
    }
  };
  const checkMembers = (value: object): void => {
    if (path.length > MAX_DEPTH) throw refuse("it is nested too deeply, or holds itself");
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index++) {
        path.push(index);
        check(value[index]);
        path.pop();
      }
      return;
    }
    if (isForeign(value)) throw refuse(`a ${value.constructor?.name ?? "foreign object"} is not JSON`);
    for (const [key, member] of Object.entries(value)) {
      if (!key.isWellFormed()) throw refuse("a key holds half of a surrogate pair");
      path.push(key);
      check(member);
      path.pop();
    }
  };
  return check;
}

/** A JSON pointer. */
function pointer(path: readonly (string | number)[]): string {
  if (path.length === 0) return "the top";
  const text = path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

/** What `JSON.stringify` would empty or rewrite; the types of the SDK refuse the same. */
function isForeign(value: object): boolean {
  return (
    typeof (value as { toJSON?: unknown }).toJSON === "function" ||
    value instanceof Map ||
    value instanceof Set ||
    value instanceof WeakMap ||
    value instanceof WeakSet ||
    value instanceof Promise ||
    value instanceof RegExp ||
    value instanceof Error ||
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value) ||
    value instanceof Number ||
    value instanceof String ||
    value instanceof Boolean
  );
}
