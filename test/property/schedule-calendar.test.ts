import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createCalendar } from "../../src/adapters/time/calendar.ts";
import { type Window, oracleInstants, windowOf, windowsAroundChanges } from "../support/cron-oracle.ts";

const zones = [
  "Europe/Berlin",
  "Europe/London",
  "Europe/Lisbon",
  "Europe/Kyiv",
  "Europe/Chisinau",
  "Europe/Istanbul",
  "Atlantic/Azores",
  "America/Nuuk",
  "America/Scoresbysund",
  "America/St_Johns",
  "America/Halifax",
  "America/New_York",
  "America/Chicago",
  "America/Denver",
  "America/Los_Angeles",
  "America/Anchorage",
  "America/Adak",
  "America/Havana",
  "America/Santiago",
  "America/Punta_Arenas",
  "America/Asuncion",
  "America/Miquelon",
  "America/Tijuana",
  "America/Port-au-Prince",
  "Pacific/Easter",
  "Pacific/Chatham",
  "Pacific/Auckland",
  "Pacific/Norfolk",
  "Pacific/Apia",
  "Australia/Sydney",
  "Australia/Adelaide",
  "Australia/Lord_Howe",
  "Africa/Casablanca",
  "Africa/Cairo",
  "Asia/Beirut",
  "Asia/Gaza",
  "Asia/Jerusalem",
  "Asia/Almaty",
  "Asia/Kolkata",
  "Antarctica/Troll",
  "Antarctica/Casey",
  "UTC",
];
const rules = [
  "30 2 * * *",
  "*/20 2 * * *",
  "0 * * * *",
  "0 0-4 * * *",
  "*/20 0-4 * * *",
  "0 0 * * *",
  "30 0 * * *",
  "59 23 * * *",
  "30 23 * * *",
  "15,45 1-3 * * *",
  "5 */3 * * *",
  "* * * * *",
  "0 2 * * 0",
  "0 3 L * *",
  "45 1 * * 0L",
  "*/10,*/15 1-3 * * 0,7",
];

const calendar = createCalendar();
const windows = new Map<string, Window[]>();
function windowsOf(zone: string): Window[] {
  let known = windows.get(zone);
  if (!known) windows.set(zone, (known = windowsAroundChanges(zone, 2024, 2027)));
  return known;
}

function calendarInstants(cron: string, window: Window): number[] {
  const instants: number[] = [];
  const end = window.from + window.locals.length * 60_000;
  let after = window.from;
  for (;;) {
    const next = calendar.next(cron, window.zone, after);
    if (next === null || next >= end) return instants;
    instants.push(next);
    after = next;
  }
}

function expectSameAsOracle(cron: string, window: Window): void {
  const expected = oracleInstants(cron, window);
  const shown = (instants: number[]) => instants.map((instant) => new Date(instant).toISOString());
  expect(shown(calendarInstants(cron, window)), `${cron} in ${window.zone}`).toEqual(shown(expected));
  // Every 29 minutes, so that one look falls into each repeated half hour.
  for (let after = window.from; after < (expected.at(-1) ?? 0); after += 29 * 60_000) {
    const next = expected.find((instant) => instant > after)!;
    const found = calendar.next(cron, window.zone, after);
    if (found !== next) expect.fail(`${cron} in ${window.zone} after ${after}: ${found} instead of ${next}`);
  }
  const last = window.from + window.locals.length * 60_000 - 1;
  expect(calendar.count(cron, window.zone, window.from, last), `count of ${cron} in ${window.zone}`).toBe(
    expected.length,
  );
}

/** A cron field of the forms that people write, with values that often fall on the hours at which clocks change. */
function field(min: number, max: number, favourites: number[]): fc.Arbitrary<string> {
  const value = fc.oneof(fc.integer({ min, max }), fc.constantFrom(...favourites));
  const range = fc.tuple(value, value).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  const step = fc.integer({ min: 1, max: max - min - 1 });
  const item = fc.oneof(
    { weight: 3, arbitrary: value.map(String) },
    { weight: 2, arbitrary: range.map(([from, to]) => `${from}-${to}`) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(range, step)
        .map(([[from, to], every]) => (to > from ? `${from}-${to}/${Math.min(every, to - from)}` : `${from}`)),
    },
  );
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant("*") },
    { weight: 2, arbitrary: step.map((every) => `*/${every}`) },
    { weight: 4, arbitrary: item },
    {
      weight: 2,
      // Values and steps that overlap, as POSIX allows.
      arbitrary: fc
        .array(
          fc.oneof(
            item,
            value.map(String),
            step.map((every) => `*/${every}`),
          ),
          { minLength: 2, maxLength: 4 },
        )
        .map((items) => items.join(",")),
    },
  );
}

const cron = fc
  .tuple(
    field(0, 59, [0, 30, 59]),
    field(0, 23, [0, 1, 2, 3, 23]),
    fc.oneof({ weight: 3, arbitrary: fc.constant("*") }, field(1, 31, [1, 29, 30, 31]), fc.constant("L")),
    fc.oneof({ weight: 4, arbitrary: fc.constant("*") }, field(1, 12, [3, 4, 10, 11])),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant("*") },
      field(0, 7, [0, 6, 7]),
      fc.constantFrom("0L", "5L", "0#1", "0#2", "7", "5-7", "0,7", "7,0L,0L"),
    ),
  )
  .map((fields) => fields.join(" "))
  .filter((text) => {
    try {
      calendar.checkCron(text);
      return true;
    } catch {
      return false;
    }
  });

describe("the calendar and a search minute by minute agree around every change of the clocks", () => {
  test.each(zones)("on the rules people write, in %s", (zone) => {
    for (const window of windowsOf(zone)) for (const rule of rules) expectSameAsOracle(rule, window);
  });

  test("on rules nobody would write, in all zones", () => {
    fc.assert(
      fc.property(fc.constantFrom(...zones), fc.nat(), cron, (zone, pick, rule) => {
        const around = windowsOf(zone);
        expectSameAsOracle(rule, around[pick % around.length]!);
      }),
      { numRuns: 1_500 },
    );
  });

  test("where a whole day was left out, half an hour was added at midnight, or clocks moved by two or three hours", () => {
    const oddities: [string, number][] = [
      ["Pacific/Apia", Date.UTC(2011, 11, 29)],
      ["Pacific/Kwajalein", Date.UTC(1993, 7, 20)],
      ["Asia/Pyongyang", Date.UTC(2018, 4, 3)],
      ["America/Caracas", Date.UTC(2016, 3, 30)],
      ["Antarctica/Casey", Date.UTC(2023, 2, 8)],
      ["America/Recife", Date.UTC(2000, 9, 7)],
      ["America/Sao_Paulo", Date.UTC(2017, 9, 14)],
    ];
    for (const [zone, from] of oddities) {
      const window = windowOf(zone, from, 4 * 1_440);
      for (const rule of rules) expectSameAsOracle(rule, window);
    }
  });
});

describe("counting", () => {
  test("is the same as going from instant to instant, for rules with seconds and any start and end", () => {
    const seconds = fc.oneof(fc.constantFrom("*", "*/7", "0", "30"), field(0, 59, [0, 59]));
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.nat(),
        fc.integer({ min: 0, max: 60 * 3_600_000 }),
        fc.integer({ min: 0, max: 2 * 3_600_000 }),
        seconds,
        cron,
        (zone, pick, offset, length, second, rule) => {
          const around = windowsOf(zone);
          const after = around[pick % around.length]!.from + offset;
          const text = `${second} ${rule}`;
          let stepped = 0;
          let instant = calendar.next(text, zone, after);
          while (instant !== null && instant <= after + length && stepped < 10_000) {
            expect(instant % 1_000).toBe(0);
            stepped++;
            instant = calendar.next(text, zone, instant);
          }
          expect(calendar.count(text, zone, after, after + length)).toBe(stepped);
        },
      ),
      { numRuns: 500 },
    );
  });
});
