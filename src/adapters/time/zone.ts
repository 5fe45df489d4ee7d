import { CascadeError } from "../../kernel/errors.ts";
import { isZoneName, zonesMeantBy } from "./zone-names.ts";

/** A stretch of time in which a zone keeps one offset from UTC. Neighbouring stretches may have the same. */
interface Stretch {
  /** The first instant of it. */
  start: number;
  /** The first instant after it. */
  end: number;
  /** Local time less UTC, in milliseconds. */
  offset: number;
}

export interface Zone {
  /** The stretch that an instant lies in. */
  at(instant: number): Stretch;
}

const DAY_MS = 86_400_000;
/** The shortest time that a zone has kept an offset since 1970 is a week (Brazil, October 2000). */
const SAMPLE_MS = 5 * DAY_MS;

const UTC: Zone = { at: () => ({ start: -Infinity, end: Infinity, offset: 0 }) };

/** Throws `TIMEZONE_UNKNOWN`. Offsets are looked up once per year and kept. */
export function createZone(name: string): Zone {
  // Without Intl, whose first use costs 12 ms and 7 MB.
  if (isUtc(name)) return UTC;
  const format = zoneFormat(name);
  const years = new Map<number, readonly Stretch[]>();

  function offsetAt(instant: number): number {
    return parseOffset(format.format(instant));
  }

  function stretchesOf(year: number): readonly Stretch[] {
    const end = startOfYear(year + 1);
    const stretches: Stretch[] = [];
    let start = startOfYear(year);
    let offset = offsetAt(start);
    for (let known = start; known < end;) {
      const sample = Math.min(known + SAMPLE_MS, end);
      const later = offsetAt(sample);
      if (later !== offset) {
        const change = firstInstantWithout(offset, known, sample);
        // A change at the very end of the year is the next year's start.
        if (change === end) break;
        stretches.push({ start, end: change, offset });
        start = change;
        offset = offsetAt(change);
        known = change;
      } else {
        known = sample;
      }
    }
    stretches.push({ start, end, offset });
    return stretches;
  }

  /** The first whole second in `(from, to]` at which the offset is not the one at `from`. */
  function firstInstantWithout(offset: number, from: number, to: number): number {
    let same = from / 1_000;
    let other = to / 1_000;
    while (other - same > 1) {
      const middle = Math.floor((same + other) / 2);
      if (offsetAt(middle * 1_000) === offset) same = middle;
      else other = middle;
    }
    return other * 1_000;
  }

  return {
    at(instant) {
      const year = new Date(instant).getUTCFullYear();
      let stretches = years.get(year);
      if (!stretches) years.set(year, (stretches = stretchesOf(year)));
      return stretches.find((stretch) => instant < stretch.end)!;
    },
  };
}

export function isUtc(name: string): boolean {
  return name === "UTC" || name === "Etc/UTC";
}

/** Throws `TIMEZONE_UNKNOWN`, with the zones that may be meant. */
export function checkZone(name: string): void {
  if (!isUtc(name)) zoneFormat(name);
}

function zoneFormat(name: string): Intl.DateTimeFormat {
  // Runtimes also take offsets such as +01:00, and BST for Dhaka.
  if (isZoneName(name)) {
    try {
      return new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "longOffset" });
    } catch {
      // Refused below.
    }
  }
  const like = zonesMeantBy(name);
  const hint = like.length > 0 ? { hint: `Did you mean ${like.join(" or ")}?` } : {};
  throw new CascadeError("TIMEZONE_UNKNOWN", `${JSON.stringify(name)} is not a time zone`, hint);
}

/** Reads `1/1/2026, GMT+01:00`; Greenwich itself may be only `GMT`, and old offsets have seconds. */
function parseOffset(text: string): number {
  const parts = /GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(text);
  if (!parts) throw new Error(`unexpected time zone offset: ${text}`);
  const [, sign, hours = "0", minutes = "0", seconds = "0"] = parts;
  const offset = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000;
  return sign === "-" ? -offset : offset;
}

function startOfYear(year: number): number {
  return new Date(0).setUTCFullYear(year, 0, 1);
}
