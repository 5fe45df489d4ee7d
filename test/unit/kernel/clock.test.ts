import fc from "fast-check";
import { expect, it } from "vitest";
import { isoTime } from "../../../src/kernel/clock.ts";

it("tells every time as a date does, whatever was told before", () => {
  const near = fc.integer({ min: 1_767_225_590_000, max: 1_767_225_610_000 });
  const any = fc.integer({ min: -8.64e15, max: 8.64e15 });
  fc.assert(
    fc.property(fc.array(fc.oneof(near, any), { maxLength: 20 }), (times) => {
      expect(times.map(isoTime)).toEqual(times.map((ms) => new Date(ms).toISOString()));
    }),
  );
});

it("refuses what no date can be", () => {
  expect(() => isoTime(NaN)).toThrow(RangeError);
  expect(() => isoTime(8.64e15 + 1)).toThrow(RangeError);
  expect(isoTime(0)).toBe("1970-01-01T00:00:00.000Z");
});
