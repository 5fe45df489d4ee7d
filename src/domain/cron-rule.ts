/** A cron rule with its fields as sets of numbers, each sorted and without repetition. */
export interface CronRule {
  seconds: readonly number[];
  minutes: readonly number[];
  hours: readonly number[];
  /** 1 to 31. */
  daysOfMonth: readonly number[];
  /** `L` in the day of month. */
  lastDayOfMonth: boolean;
  /** 1 to 12. */
  months: readonly number[];
  /** 0 (Sunday) to 6. */
  weekdays: readonly number[];
  /** `#2` after a weekday: only the second one of the month; 0 takes all. */
  weekdayOccurrence: number;
  /** `5L`: only the last such weekday of the month. */
  lastWeekdays: readonly number[];
  /** A day is due when either of the day fields says so; else both must. As in Debian's cron, false when one of the two starts with `*`. */
  eitherDayField: boolean;
  /** The minute or the hour field starts with `*`: the rule means every so often, not a time of the day. */
  followsRealTime: boolean;
}

/**
 * The times of a rule on the wall clock of no zone. A local time is the number of milliseconds that `Date.UTC` gives for
 * its fields. Both functions cost days at most, never the number of times between.
 */
export interface LocalTimes {
  /** The first time at or after `from`; null when there is none in the nine years after. */
  next(from: number): number | null;
  /** How many times are at or after `from` and before `to`. */
  count(from: number, to: number): number;
}

const DAY_S = 86_400;
const DAY_MS = DAY_S * 1_000;
/** One year more than the longest wait of an accepted rule: a rule may be due early in one year and late in another. */
const HORIZON_MONTHS = 9 * 12;
/** Years in a row without the 29th of February, as around 2100. */
const LONGEST_WAIT_YEARS = 7;

export function localTimes(rule: CronRule): LocalTimes {
  const hourFrom = nextTable(rule.hours, 24);
  const minuteFrom = nextTable(rule.minutes, 60);
  const secondFrom = nextTable(rule.seconds, 60);
  const hoursBefore = countTable(rule.hours, 24);
  const minutesBefore = countTable(rule.minutes, 60);
  const secondsBefore = countTable(rule.seconds, 60);
  const perMinute = rule.seconds.length;
  const perHour = rule.minutes.length * perMinute;
  const perDay = rule.hours.length * perHour;
  const daysIn = monthDays(rule);

  const timeOfDay = (hour: number, minute: number, second: number) => hour * 3_600 + minute * 60 + second;

  /** The first due second of a due day at or after `from`, or -1. */
  function timeFrom(from: number): number {
    const hour = Math.floor(from / 3_600);
    const minute = Math.floor(from / 60) % 60;
    const second = from % 60;
    if (hourFrom[hour] === hour) {
      if (minuteFrom[minute] === minute) {
        const nextSecond = secondFrom[second]!;
        if (nextSecond >= 0) return timeOfDay(hour, minute, nextSecond);
      }
      const nextMinute = minuteFrom[minuteFrom[minute] === minute ? minute + 1 : minute]!;
      if (nextMinute >= 0) return timeOfDay(hour, nextMinute, secondFrom[0]!);
    }
    const nextHour = hourFrom[hourFrom[hour] === hour ? hour + 1 : hour]!;
    return nextHour < 0 ? -1 : timeOfDay(nextHour, minuteFrom[0]!, secondFrom[0]!);
  }

  /** How many due seconds a due day has before the second `before`. */
  function timesBefore(before: number): number {
    const hour = Math.floor(before / 3_600);
    const minute = Math.floor(before / 60) % 60;
    let times = hoursBefore[hour]! * perHour;
    if (hoursBefore[hour + 1] !== hoursBefore[hour]) {
      times += minutesBefore[minute]! * perMinute;
      if (minutesBefore[minute + 1] !== minutesBefore[minute]) times += secondsBefore[before % 60]!;
    }
    return times;
  }

  const firstTime = timeFrom(0);

  function isDue(day: number): boolean {
    const { month, dayOfMonth } = dateOf(day);
    return (daysIn(month) & (1 << (dayOfMonth - 1))) !== 0;
  }

  /** How many due days are at or after `from` and before `to`. */
  function dueDays(from: number, to: number): number {
    let days = 0;
    for (let day = from; day < to;) {
      const { month, dayOfMonth } = dateOf(day);
      const firstOfNext = firstDay(month + 1);
      const beyond = Math.max(0, firstOfNext - to);
      const length = firstOfNext - firstDay(month);
      const upTo = daysIn(month) & (2 ** (length - beyond) - 1);
      days += bitCount(upTo >>> (dayOfMonth - 1));
      day = firstOfNext;
    }
    return days;
  }

  return {
    next(from) {
      const second = Math.ceil(from / 1_000);
      const day = Math.floor(second / DAY_S);
      const { month, dayOfMonth } = dateOf(day);
      const days = daysIn(month);
      if (days & (1 << (dayOfMonth - 1))) {
        const time = timeFrom(second - day * DAY_S);
        if (time >= 0) return (day * DAY_S + time) * 1_000;
      }
      const later = days >>> dayOfMonth;
      if (later !== 0) return ((day + 1 + lowestBit(later)) * DAY_S + firstTime) * 1_000;
      for (let next = month + 1; next <= month + HORIZON_MONTHS; next++) {
        const due = daysIn(next);
        if (due !== 0) return ((firstDay(next) + lowestBit(due)) * DAY_S + firstTime) * 1_000;
      }
      return null;
    },

    count(from, to) {
      const first = Math.ceil(from / 1_000);
      const end = Math.ceil(to / 1_000);
      if (end <= first) return 0;
      const firstDayNumber = Math.floor(first / DAY_S);
      const endDayNumber = Math.floor(end / DAY_S);
      const beforeFirst = isDue(firstDayNumber) ? timesBefore(first - firstDayNumber * DAY_S) : 0;
      const beforeEnd = isDue(endDayNumber) ? timesBefore(end - endDayNumber * DAY_S) : 0;
      return dueDays(firstDayNumber, endDayNumber) * perDay + beforeEnd - beforeFirst;
    },
  };
}

/** Whether a rule never has to be waited for longer than about eight years, whenever one looks. */
export function isDueOftenEnough(rule: CronRule): boolean {
  const daysIn = monthDays(rule);
  // A year's calendar depends only on the weekday of its first day and on whether it is a leap year.
  const kinds = new Map<number, boolean>();
  let wait = 0;
  // The Gregorian calendar repeats after 400 years.
  for (let year = 2000; year < 2400 + LONGEST_WAIT_YEARS + 1; year++) {
    const first = firstDay(year * 12);
    const kind = (first % 7) + 7 * (firstDay((year + 1) * 12) - first);
    let due = kinds.get(kind);
    if (due === undefined) {
      due = Array.from({ length: 12 }, (_, index) => daysIn(year * 12 + index)).some((days) => days !== 0);
      kinds.set(kind, due);
    }
    wait = due ? 0 : wait + 1;
    if (wait > LONGEST_WAIT_YEARS) return false;
  }
  return true;
}

/** The due days of a month as bits, the first of the month being bit 0. Months are counted from the year 0. */
function monthDays(rule: CronRule): (month: number) => number {
  let lastMonth = NaN;
  let lastDays = 0;
  return (month) => {
    if (month !== lastMonth) {
      lastMonth = month;
      lastDays = rule.months.includes((((month % 12) + 12) % 12) + 1) ? dueDaysOf(rule, month) : 0;
    }
    return lastDays;
  };
}

function dueDaysOf(rule: CronRule, month: number): number {
  const first = firstDay(month);
  const length = firstDay(month + 1) - first;
  // The first of January 1970 was a Thursday.
  const firstWeekday = (((first + 4) % 7) + 7) % 7;
  let byDate = rule.lastDayOfMonth ? 1 << (length - 1) : 0;
  for (const day of rule.daysOfMonth) if (day <= length) byDate |= 1 << (day - 1);
  let byWeekday = 0;
  for (let day = 1; day <= length; day++) {
    const weekday = (firstWeekday + day - 1) % 7;
    const occurrence = Math.ceil(day / 7);
    const due =
      (rule.weekdays.includes(weekday) && (rule.weekdayOccurrence === 0 || rule.weekdayOccurrence === occurrence)) ||
      (rule.lastWeekdays.includes(weekday) && day + 7 > length);
    if (due) byWeekday |= 1 << (day - 1);
  }
  return rule.eitherDayField ? byDate | byWeekday : byDate & byWeekday;
}

/** Days since the epoch of the first day of a month. */
function firstDay(month: number): number {
  const date = new Date(0);
  // Not `Date.UTC`, which takes the years 0 to 99 for those of the twentieth century.
  return date.setUTCFullYear(Math.floor(month / 12), ((month % 12) + 12) % 12, 1) / DAY_MS;
}

function dateOf(day: number): { month: number; dayOfMonth: number } {
  const date = new Date(day * DAY_MS);
  return { month: date.getUTCFullYear() * 12 + date.getUTCMonth(), dayOfMonth: date.getUTCDate() };
}

/** For each number below `size`, and for `size` itself, the first value at or after it, or -1. */
function nextTable(values: readonly number[], size: number): Int8Array {
  const table = new Int8Array(size + 1).fill(-1);
  for (let index = size - 1; index >= 0; index--) table[index] = values.includes(index) ? index : table[index + 1]!;
  return table;
}

/** For each number up to `size`, how many values are below it. */
function countTable(values: readonly number[], size: number): Int8Array {
  const table = new Int8Array(size + 1);
  for (let index = 0; index < size; index++) table[index + 1] = table[index]! + (values.includes(index) ? 1 : 0);
  return table;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}
