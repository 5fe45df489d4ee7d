import { isJsonObject, type Json, pointerPart } from "../kernel/json.ts";

/** Where two JSON values first differ, as a JSON pointer (RFC 6901); undefined when they are written the same. */
export function firstDifference(one: Json, other: Json, place = ""): string | undefined {
  if (isList(one) && isList(other)) {
    for (let index = 0; index < Math.max(one.length, other.length); index++) {
      const below = differenceBelow(one[index], other[index], `${place}/${index}`);
      if (below !== undefined) return below;
    }
    return undefined;
  }
  if (isJsonObject(one) && isJsonObject(other)) {
    const [keys, others] = [Object.keys(one), Object.keys(other)];
    for (let index = 0; index < Math.max(keys.length, others.length); index++) {
      const key = keys[index] ?? others[index]!;
      const inside = `${place}/${pointerPart(key)}`;
      // A downstream task sees the order of the members, too.
      if (key !== others[index]) return inside;
      const below = firstDifference(one[key] as Json, other[key] as Json, inside);
      if (below !== undefined) return below;
    }
    return undefined;
  }
  return one === other ? undefined : place;
}

function differenceBelow(one: Json | undefined, other: Json | undefined, place: string): string | undefined {
  return one === undefined || other === undefined ? place : firstDifference(one, other, place);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

export function isJsonPointer(text: string): boolean {
  return /^(\/([^~/]|~[01])*)+$/.test(text);
}

/** Takes what the pointers name out of a value, in place; a pointer to nothing does nothing. An item of a list becomes null. */
export function removeAt(value: Json, pointers: readonly string[]): void {
  for (const pointer of pointers) {
    const keys = pointer.split("/").slice(1).map(unescaped);
    const last = keys.pop()!;
    let holder: unknown = value;
    for (const key of keys) holder = memberOf(holder, key);
    if (memberOf(holder, last) === undefined) continue;
    // The items behind it keep their places, which other pointers name.
    if (Array.isArray(holder)) holder[Number(last)] = null;
    else delete (holder as Record<string, unknown>)[last];
  }
}

function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return Array.isArray(value) && !/^\d+$/.test(key) ? undefined : (value as Record<string, unknown>)[key];
}

function unescaped(key: string): string {
  return key.replaceAll("~1", "/").replaceAll("~0", "~");
}
