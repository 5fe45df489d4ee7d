import type { Calendar } from "../../ports/calendar.ts";
import { type LocalTimes, localTimes } from "../../domain/cron-rule.ts";
import { normaliseCron } from "./cron-text.ts";
import { parseCron } from "./parse-cron.ts";
import { checkZone, createZone, type Zone } from "./zone.ts";

interface Rule {
  times: LocalTimes;
  followsRealTime: boolean;
}

const DAY_MS = 86_400_000;
const HORIZON_MS = 9 * 366 * DAY_MS;
/** Instants further from 1970 are not planned: the years around them would leave the range of dates. */
const LAST_INSTANT = 8.64e15 - 2 * HORIZON_MS;
/** More than the largest step of a zone's clock, a whole day at the date line. */
const LONGEST_STEP_MS = 2 * DAY_MS;
const RULES_KEPT = 5_000;

/**
 * The calendar of schedules, with the meaning of Debian's cron when clocks change:
 *
 * - a rule whose minute or hour field starts with `*` follows real time: nothing extra in a gap, again in a repeated hour;
 * - all others are times of the day, each due at the first instant at which the local clock has reached it: right after a
 *   gap (all times of one gap together), and once in a repeated hour.
 */
export function createCalendar(): Calendar {
  const rules = new Map<string, Rule>();
  const zones = new Map<string, Zone>();

  function ruleOf(cron: string): Rule {
    let rule = rules.get(cron);
    if (!rule) {
      const parsed = parseCron(cron);
      rule = { times: localTimes(parsed), followsRealTime: parsed.followsRealTime };
      if (rules.size >= RULES_KEPT) rules.clear();
      rules.set(cron, rule);
    }
    return rule;
  }

  function zoneOf(name: string): Zone {
    let zone = zones.get(name);
    if (!zone) zones.set(name, (zone = createZone(name)));
    return zone;
  }

  return {
    next(cron, timezone, after) {
      const { times, followsRealTime } = ruleOf(cron);
      const zone = zoneOf(timezone);
      if (!(Math.abs(after) < LAST_INSTANT)) return null;
      return followsRealTime ? nextInRealTime(times, zone, after) : nextTimeOfDay(times, zone, after);
    },
    count(cron, timezone, after, until) {
      const { times, followsRealTime } = ruleOf(cron);
      const zone = zoneOf(timezone);
      if (!(until > after) || !(Math.abs(after) < LAST_INSTANT && Math.abs(until) < LAST_INSTANT)) return 0;
      return followsRealTime ? countInRealTime(times, zone, after, until) : countTimesOfDay(times, zone, after, until);
    },
    checkCron(cron) {
      ruleOf(cron);
      return normaliseCron(cron);
    },
    checkTimezone: checkZone,
  };
}

function nextInRealTime(times: LocalTimes, zone: Zone, after: number): number | null {
  const horizon = after + HORIZON_MS;
  let searched = NaN;
  let found: number | null = NaN;
  for (let from = after + 1; from < horizon;) {
    const stretch = zone.at(from);
    const local = from + stretch.offset;
    // What was found from an earlier local time still holds if that lies between.
    if (!(local >= searched && found !== null && local <= found)) {
      searched = local;
      found = times.next(local);
    }
    if (found !== null && found - stretch.offset < stretch.end) return found - stretch.offset;
    from = stretch.end;
  }
  return null;
}

function nextTimeOfDay(times: LocalTimes, zone: Zone, after: number): number | null {
  const local = times.next(unreached(zone, after));
  return local === null ? null : firstReached(zone, local);
}

function countInRealTime(times: LocalTimes, zone: Zone, after: number, until: number): number {
  let count = 0;
  for (let from = after + 1; from <= until;) {
    const { end, offset } = zone.at(from);
    const to = Math.min(end, until + 1);
    count += times.count(from + offset, to + offset);
    from = to;
  }
  return count;
}

function countTimesOfDay(times: LocalTimes, zone: Zone, after: number, until: number): number {
  let count = times.count(unreached(zone, after), unreached(zone, until));
  // The times of one gap are one instant, together with the time at which the gap ends.
  for (let end = zone.at(after).end; end <= until; end = zone.at(end).end) {
    const together = times.count(unreached(zone, end - 1), unreached(zone, end));
    count -= Math.max(0, together - 1);
  }
  return count;
}

/** The first local time that a zone's clock has not shown or passed yet at an instant. */
function unreached(zone: Zone, instant: number): number {
  let stretch = zone.at(instant);
  let unreached = instant + 1 + stretch.offset;
  while (stretch.start > instant - LONGEST_STEP_MS) {
    stretch = zone.at(stretch.start - 1);
    unreached = Math.max(unreached, stretch.end + stretch.offset);
  }
  return unreached;
}

/** The first instant at which a zone's clock shows a local time or a later one. */
function firstReached(zone: Zone, local: number): number {
  let stretch = zone.at(local - LONGEST_STEP_MS);
  while (local >= stretch.end + stretch.offset) stretch = zone.at(stretch.end);
  return Math.max(stretch.start, local - stretch.offset);
}
