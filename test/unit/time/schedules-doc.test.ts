import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createCalendar } from "../../../src/adapters/time/calendar.ts";
import { createZone } from "../../../src/adapters/time/zone.ts";

const doc = readFileSync(new URL("../../../docs/schedules.md", import.meta.url), "utf8");
const HOUR_MS = 3_600_000;
const calendar = createCalendar();

const rows = [...doc.matchAll(/^\| ([A-Z]\w+\/\w+) \| (\S+Z) \| `([^`]+)` \| (.+?) \|$/gm)].map(
  ([, zone, change, cron, due]) => ({ zone: zone!, change: change!, cron: cron!, due: due! }),
);

function localText(instant: number, zone: string): string {
  const text = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" }).format(
    instant,
  );
  return text.slice(5);
}

describe("docs/schedules.md", () => {
  test("shows the four rules at two changes of the clocks in four zones", () => {
    for (const zone of ["Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "America/Nuuk"]) {
      for (const cron of ["30 2 * * *", "*/20 2 * * *", "0 * * * *", "0 0-4 * * *"]) {
        expect(rows.filter((row) => row.zone === zone && row.cron === cron)).toHaveLength(2);
      }
    }
  });

  test.each(rows)("is right about $cron in $zone around $change", ({ zone, change, cron, due }) => {
    const at = Date.parse(change);
    const stretches = createZone(zone);
    expect(stretches.at(at).offset).not.toBe(stretches.at(at - 1).offset);
    const expected: string[] = [];
    let instant = calendar.next(cron, zone, at - 3 * HOUR_MS - 1);
    while (instant !== null && instant < at + 4 * HOUR_MS) {
      expected.push(`${localText(instant, zone)} = ${new Date(instant).toISOString().slice(5, 16)}Z`);
      instant = calendar.next(cron, zone, instant);
    }
    expect(due === "nothing" ? [] : due.split("<br>")).toEqual(expected);
  });

  test("says truly what the short forms mean", () => {
    const forms = [...doc.matchAll(/^\| ((?:`@\w+`(?:, )?)+) \| `([^`]+)` \|$/gm)];
    expect(forms).toHaveLength(5);
    for (const [, names, meaning] of forms) {
      for (const [, name] of names!.matchAll(/`(@\w+)`/g)) {
        for (let after = Date.UTC(2026, 0, 1); after < Date.UTC(2028, 0, 1); after += 17 * 24 * HOUR_MS) {
          expect(calendar.next(name!, "UTC", after)).toBe(calendar.next(meaning!, "UTC", after));
        }
      }
    }
  });
});
