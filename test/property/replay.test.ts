import fc from "fast-check";
import { expect, test } from "vitest";
import { firstDifference, isJsonPointer, removeAt } from "../../src/domain/json-difference.ts";
import type { Json } from "../../src/kernel/json.ts";

const json = fc.jsonValue({ depthSize: "small" }).map((value) => JSON.parse(JSON.stringify(value)) as Json);

function copy(value: Json): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

/** What a pointer leads to; undefined when nothing is there. */
function at(value: Json, pointer: string): unknown {
  const keys = pointer.split("/").slice(1);
  return keys.reduce<unknown>((inner, key) => {
    const name = key.replaceAll("~1", "/").replaceAll("~0", "~");
    return typeof inner === "object" && inner !== null && Object.hasOwn(inner, name)
      ? (inner as Record<string, unknown>)[name]
      : undefined;
  }, value);
}

test("two values differ somewhere exactly when their texts do", () => {
  fc.assert(
    fc.property(json, json, (one, other) => {
      expect(firstDifference(one, copy(one))).toBeUndefined();
      expect(firstDifference(one, other) === undefined).toBe(JSON.stringify(one) === JSON.stringify(other));
    }),
  );
});

test("the pointer leads to what differs, from either side, and is one", () => {
  fc.assert(
    fc.property(json, json, (one, other) => {
      const pointer = firstDifference(one, other);
      if (pointer === undefined || pointer === "") return;
      expect(isJsonPointer(pointer)).toBe(true);
      const holder = pointer.slice(0, pointer.lastIndexOf("/"));
      expect(typeof at(one, holder)).toBe("object");
      expect(typeof at(other, holder)).toBe("object");
    }),
  );
});

test("masking every first difference makes two objects of one shape the same", () => {
  const shape = fc.record({ a: json, b: fc.record({ c: json, d: json }) });
  fc.assert(
    fc.property(shape, shape, (one, other) => {
      const [was, is] = [copy(one), copy(other)];
      const mask = ["/a", "/b/c", "/b/d"];
      removeAt(was, mask);
      removeAt(is, mask);
      expect(was).toEqual({ b: {} });
      expect(firstDifference(was, is)).toBeUndefined();
    }),
  );
});
