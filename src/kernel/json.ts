/** A value that has a JSON form as it is. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** True for objects made of keys and values: not null, not an array. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The JSON pointer (RFC 6901) of the way to a value; empty for the whole. */
export function jsonPointer(path: readonly (string | number)[]): string {
  return path.map((part) => `/${pointerPart(String(part))}`).join("");
}

/** A key as one part of a JSON pointer. */
export function pointerPart(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
