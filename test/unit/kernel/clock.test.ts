import fc from "fast-check";
import { expect, it } from "vitest";
import { type ClockStep, createStepWatch, isoTime, spanBetween } from "../../../src/kernel/clock.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

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

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

it("notices that the wall clock was set, by how much, and forgets it after one look", async () => {
  const clock = createFakeClock();
  const start = clock.now();
  const look = createStepWatch(clock);
  await clock.advance(30_000);
  expect(look()).toBeNull();
  clock.jump(2 * HOUR);
  await clock.advance(10_000);
  expect(look()).toEqual({ until: start + 40_000, by: 2 * HOUR });
  expect(look()).toBeNull();
  clock.jump(-HOUR);
  expect(look()).toEqual({ until: start + 40_000 + HOUR, by: -HOUR });
  clock.jump(900);
  expect(look()).toBeNull();
});

it("tells a span from two instants whatever the clock was set to between them", () => {
  const length = fc.integer({ min: 31_000, max: 10 * HOUR });
  // A clock that was set back shows the same instants again: which of the two is meant is only known of those far enough away.
  const by = fc.integer({ min: 1_000, max: 100 * HOUR });
  fc.assert(
    fc.property(fc.array(fc.tuple(length, by), { maxLength: 5 }), length, (stretches, last) => {
      let real = 0;
      let ahead = 0;
      const steps: ClockStep[] = [];
      for (const [ms, step] of stretches) {
        real += ms;
        steps.push({ until: real + ahead, by: step });
        ahead += step;
      }
      real += last;
      expect(spanBetween(0, real + ahead, steps)).toBe(real);
    }),
  );
  expect(spanBetween(0, 10 * HOUR, [{ until: 5 * HOUR, by: -HOUR }])).toBe(11 * HOUR);
  expect(spanBetween(HOUR, 0, [])).toBe(0);
});
