import { describe, expect, test } from "vitest";
import { errorView } from "../../../src/kernel/errors.ts";
import { createCalendar } from "../../../src/adapters/time/calendar.ts";
import { previewInstants } from "../../../src/scheduling/preview.ts";

const calendar = createCalendar();
const utc = (cron: string, from: string, count: number) =>
  previewInstants(calendar, { cron, timezone: "UTC" }, Date.parse(from), count).map((iso) => iso.slice(0, 19));

describe("what is no rule is refused with CRON_INVALID", () => {
  test.each([
    "",
    " ",
    "*",
    "5",
    "* * * *",
    "* * * * * * *",
    "@",
    "@secondly",
    "@reboot",
    "@DAILY",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * 32 * *",
    "* * * 0 *",
    "* * * 13 *",
    "* * * * 8",
    "-1 * * * *",
    "1.5 * * * *",
    "002 * * * *",
    "0x1 * * * *",
    "１ * * * *",
    "H * * * *",
    "H(1-5) * * * *",
    "? * * * *",
    "* ? * * *",
    "* * * ? *",
    "* * ?,1 * *",
    "* * * * ?/2",
    "*/0 * * * *",
    "*/60 * * * *",
    "*/100 * * * *",
    "* */24 * * *",
    "* * */31 * *",
    "* * * * */7",
    "50/10 * * * *",
    "10-20/11 * * * *",
    "*/ * * * *",
    "/5 * * * *",
    "5- * * * *",
    "-5 * * * *",
    "20-10 * * * *",
    "*-5 * * * *",
    "1-2-3 * * * *",
    "*/5/2 * * * *",
    "1,,2 * * * *",
    ",1 * * * *",
    "1, * * * *",
    "** * * * *",
    "5* * * * *",
    "* * * FOO *",
    "* * * * XYZ",
    "* * * * FRI-MON",
    "MON * * * *",
    "* * * MON *",
    "* * L-3 * *",
    "* * 15W * *",
    "* * LW * *",
    "* * * * L",
    "* * * L *",
    "* * * * 9L",
    "* * * * 1#0",
    "* * * * 1#6",
    "* * * * 1#2,3",
    "* * * * #2",
    "0 0 30 2 *",
    "0 0 31 4,6,9,11 *",
    "0 0 */30 2 1",
    "0\n0 * * *",
    "0 0 * * *;",
    "__proto__",
    "constructor",
    `${"1,".repeat(2_000)}1 * * * *`,
  ])("%j", (cron) => {
    expect(() => calendar.checkCron(cron)).toThrow(expect.objectContaining({ code: "CRON_INVALID" }));
    expect(() => calendar.next(cron, "UTC", 0)).toThrow(expect.objectContaining({ code: "CRON_INVALID" }));
  });

  test("naming the field and the value", () => {
    expect(() => calendar.checkCron("0 25 * * *")).toThrow('the hour "25" has 25, which is not within 0-23');
    expect(() => calendar.checkCron("* * * *")).toThrow("it has 4 fields instead of five or six");
    expect(() => calendar.checkCron("*/90 * * * *")).toThrow("a step of 90, which is not within 1-59");
    expect(() => calendar.checkCron("@fortnightly")).toThrow("@hourly, @daily");
  });

  test("whatever the text, without another kind of failure", () => {
    const alphabet = [
      "*",
      "/",
      "-",
      ",",
      "?",
      "L",
      "#",
      "0",
      "1",
      "7",
      "59",
      " ",
      "MON",
      "jan",
      "@daily",
      "H",
      "W",
      "\u0000",
    ];
    let state = 42;
    const pick = () => alphabet[(state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) % alphabet.length]!;
    for (let round = 0; round < 3_000; round++) {
      const text = Array.from({ length: 3 + (round % 12) }, pick).join("");
      try {
        const next = calendar.next(calendar.checkCron(text), "UTC", 0);
        expect(next, text).toBeGreaterThan(0);
      } catch (error) {
        expect(error, text).toMatchObject({ code: "CRON_INVALID" });
      }
    }
  });
});

describe("rules", () => {
  test("are normalised to single spaces", () => {
    expect(calendar.checkCron("  0\t2  * *   MON ")).toBe("0 2 * * MON");
    expect(calendar.checkCron("@daily")).toBe("@daily");
  });

  test.each([
    ["@hourly", "2026-01-01T00:30:00", ["2026-01-01T01:00:00", "2026-01-01T02:00:00"]],
    ["@daily", "2026-01-01T00:00:00", ["2026-01-02T00:00:00", "2026-01-03T00:00:00"]],
    ["@midnight", "2026-01-01T00:00:00", ["2026-01-02T00:00:00", "2026-01-03T00:00:00"]],
    ["@weekly", "2026-01-01T00:00:00", ["2026-01-04T00:00:00", "2026-01-11T00:00:00"]],
    ["@monthly", "2026-01-01T00:00:00", ["2026-02-01T00:00:00", "2026-03-01T00:00:00"]],
    ["@yearly", "2026-01-01T00:00:00", ["2027-01-01T00:00:00", "2028-01-01T00:00:00"]],
    ["@annually", "2026-01-01T00:00:00", ["2027-01-01T00:00:00", "2028-01-01T00:00:00"]],
    ["*/20 30 2 * * *", "2026-01-01T00:00:00", ["2026-01-01T02:30:00", "2026-01-01T02:30:20"]],
    ["05 02 * * *", "2026-01-01T00:00:00", ["2026-01-01T02:05:00", "2026-01-02T02:05:00"]],
    ["0 0 * jan,DEC mon-FRI", "2026-01-29T12:00:00", ["2026-01-30T00:00:00", "2026-12-01T00:00:00"]],
    ["0 0 L * *", "2026-01-31T00:00:00", ["2026-02-28T00:00:00", "2026-03-31T00:00:00"]],
    ["0 0 * * 5L", "2026-01-01T00:00:00", ["2026-01-30T00:00:00", "2026-02-27T00:00:00"]],
    ["0 0 * * 7L", "2026-01-01T00:00:00", ["2026-01-25T00:00:00", "2026-02-22T00:00:00"]],
    ["0 0 * * FRIL", "2026-01-01T00:00:00", ["2026-01-30T00:00:00", "2026-02-27T00:00:00"]],
    ["0 0 * * 1#2", "2026-01-01T00:00:00", ["2026-01-12T00:00:00", "2026-02-09T00:00:00"]],
    ["0 0 * * SUN#5", "2026-01-01T00:00:00", ["2026-03-29T00:00:00", "2026-05-31T00:00:00"]],
    ["0 0 * * 7", "2026-01-01T00:00:00", ["2026-01-04T00:00:00", "2026-01-11T00:00:00"]],
    ["0 0 * * 6-7", "2026-01-01T00:00:00", ["2026-01-03T00:00:00", "2026-01-04T00:00:00"]],
    ["10/25 0 * * *", "2026-01-01T00:00:00", ["2026-01-01T00:10:00", "2026-01-01T00:35:00"]],
    ["0 0 29 2 *", "2096-03-01T00:00:00", ["2104-02-29T00:00:00", "2108-02-29T00:00:00"]],
  ])("%s is due as people expect", (cron, from, expected) => {
    expect(utc(cron, `${from}Z`, 2)).toEqual(expected);
  });

  test("with both day fields are due on either, unless one of them starts with *", () => {
    expect(utc("0 0 13 * FRI", "2026-01-01T00:00:00Z", 3).map((iso) => iso.slice(0, 10))).toEqual([
      "2026-01-02",
      "2026-01-09",
      "2026-01-13",
    ]);
    // Fridays with an odd date, as in Debian's cron.
    expect(utc("0 0 */2 * FRI", "2026-01-01T00:00:00Z", 3).map((iso) => iso.slice(0, 10))).toEqual([
      "2026-01-09",
      "2026-01-23",
      "2026-02-13",
    ]);
    expect(utc("0 0 13 * */6", "2026-01-01T00:00:00Z", 1)[0]).toBe("2026-06-13T00:00:00");
    expect(utc("0 0 ? * FRI", "2026-01-01T00:00:00Z", 1)[0]).toBe("2026-01-02T00:00:00");
  });

  test("give instants strictly after the one asked for, to the millisecond", () => {
    const at = Date.parse("2026-01-01T02:00:00Z");
    expect(calendar.next("0 2 * * *", "UTC", at - 1)).toBe(at);
    expect(calendar.next("0 2 * * *", "UTC", at)).toBe(at + 86_400_000);
    expect(calendar.count("0 2 * * *", "UTC", at - 1, at)).toBe(1);
    expect(calendar.count("0 2 * * *", "UTC", at, at)).toBe(0);
  });

  test("know years before 1970 and offsets with seconds, and end with the range of dates", () => {
    expect(utc("0 0 29 2 *", "1887-06-01T00:00:00Z", 2)).toEqual(["1888-02-29T00:00:00", "1892-02-29T00:00:00"]);
    const monrovia = calendar.next("0 12 * * *", "Africa/Monrovia", Date.UTC(1971, 0, 1));
    expect(new Date(monrovia!).toISOString()).toBe("1971-01-01T12:44:30.000Z");
    for (const far of [8.64e15, Infinity, -Infinity, NaN]) expect(calendar.next("* * * * *", "UTC", far)).toBeNull();
  });
});

describe("zones", () => {
  test.each([
    "Europe/Berlin",
    "UTC",
    "America/Argentina/Buenos_Aires",
    "Etc/GMT+5",
    "US/Pacific",
    "EST",
    "MST7MDT",
    "GMT0",
    "W-SU",
    "utc",
    "America/Port-au-Prince",
  ])("%s is one", (name) => expect(() => calendar.checkTimezone(name)).not.toThrow());

  test.each([
    "",
    " ",
    "Mars/Olympus",
    "+01:00",
    "Berlin",
    "Europe/Berlin ",
    "../etc",
    "local",
    "Factory",
    "SystemV/AST4",
    "EDT",
    "GMT+5",
    "VST",
    "CTT",
  ])("%j is none", (name) => {
    expect(() => calendar.checkTimezone(name)).toThrow(expect.objectContaining({ code: "TIMEZONE_UNKNOWN" }));
    expect(() => calendar.next("* * * * *", name, 0)).toThrow(expect.objectContaining({ code: "TIMEZONE_UNKNOWN" }));
  });

  test.each([
    ["BST", ["Europe/London", "Asia/Dhaka"]],
    ["CST", ["America/Chicago", "Asia/Shanghai"]],
    ["PST", ["America/Los_Angeles"]],
    ["IST", ["Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"]],
    ["jst", ["Asia/Tokyo"]],
    ["Berlin", ["Europe/Berlin"]],
    ["new york", ["America/New_York"]],
  ])("%s is none, and the hint names what people mean by it", (name, zones) => {
    for (const ask of [() => calendar.checkTimezone(name), () => calendar.next("* * * * *", name, 0)]) {
      let error: unknown;
      try {
        ask();
      } catch (thrown) {
        error = thrown;
      }
      expect(errorView(error).code).toBe("TIMEZONE_UNKNOWN");
      for (const zone of zones) expect(errorView(error).hint).toContain(zone);
    }
  });

  test("that a runtime has beside the zone database are each refused", () => {
    for (const name of "ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT IET IST JST MIT NET NST PLT PNT PRT PST SST VST".split(
      " ",
    )) {
      expect(() => calendar.checkTimezone(name), name).toThrow("is not a time zone");
    }
  });
});
