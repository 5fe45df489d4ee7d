/**
 * The meaning of a five-field cron rule said a second time and as plainly as possible: look at the wall clock each minute.
 * Shares nothing with the calendar it checks, neither the parser nor the way to ask for a zone's offset.
 */
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** The wall clock of a zone, minute by minute: local times as `Date.UTC` of their fields. */
export interface Window {
  zone: string;
  from: number;
  locals: readonly number[];
}

export function windowOf(zone: string, from: number, minutes: number): Window {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  });
  const locals = Array.from({ length: minutes }, (_, minute) => {
    const text = format.format(from + minute * MINUTE_MS);
    const [month, day, year, hour, min] = text.match(/\d+/g)!.map(Number);
    return Date.UTC(year!, month! - 1, day, hour, min);
  });
  return { zone, from, locals };
}

/** Three days around each change of a zone's clock in some years; one window at their start when there is none. */
export function windowsAroundChanges(zone: string, fromYear: number, toYear: number): Window[] {
  const format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "shortOffset" });
  const offset = (instant: number) => format.format(instant).split("GMT")[1];
  const windows: Window[] = [];
  const end = Date.UTC(toYear + 1, 0, 1);
  for (let day = Date.UTC(fromYear, 0, 1); day < end; day += DAY_MS) {
    if (offset(day) !== offset(day + DAY_MS)) windows.push(windowOf(zone, day - DAY_MS, 3 * 1_440));
  }
  return windows.length > 0 ? windows : [windowOf(zone, Date.UTC(fromYear, 1, 27), 3 * 1_440)];
}

/** The instants of a rule in a window, the first minute (which only tells where the clock stood) left out. */
export function oracleInstants(cron: string, window: Window): number[] {
  const [minute, hour, dayOfMonth, month, dayOfWeek] = cron.split(" ") as [string, string, string, string, string];
  const followsRealTime = minute.startsWith("*") || hour.startsWith("*");
  const both = dayOfMonth.startsWith("*") || dayOfWeek.startsWith("*");
  const isDueDay = memo((day: number) => {
    const date = new Date(day * DAY_MS);
    if (!matches(month, date.getUTCMonth() + 1, 1, 12)) return false;
    const byDate = matchesDate(dayOfMonth, date);
    const byWeekday = matchesWeekday(dayOfWeek, date);
    return both ? byDate && byWeekday : byDate || byWeekday;
  });
  const isDueTime = memo(
    (time: number) => matches(minute, time % 60, 0, 59) && matches(hour, Math.floor(time / 60), 0, 23),
  );
  const isDue = (local: number) => {
    const day = Math.floor(local / DAY_MS);
    return isDueTime((local - day * DAY_MS) / MINUTE_MS) && isDueDay(day);
  };

  const instants: number[] = [];
  let reached = window.locals[0]!;
  for (const [index, local] of window.locals.entries()) {
    if (index === 0) continue;
    let due = false;
    if (followsRealTime) {
      due = isDue(local);
    } else {
      // Every time that the clock has just come to or jumped over; none while it repeats an hour.
      for (let time = reached + MINUTE_MS; time <= local; time += MINUTE_MS) due ||= isDue(time);
      reached = Math.max(reached, local);
    }
    if (due) instants.push(window.from + index * MINUTE_MS);
  }
  return instants;
}

function matches(field: string, value: number, min: number, max: number): boolean {
  return field.split(",").some((item) => {
    const [range, step] = item.split("/") as [string, string | undefined];
    const [from, to] = range === "*" ? [min, max] : range.split("-").map(Number);
    const last = to ?? (step === undefined ? from! : max);
    return value >= from! && value <= last && (value - from!) % Number(step ?? 1) === 0;
  });
}

function matchesDate(field: string, date: Date): boolean {
  const isLast = new Date(date.getTime() + DAY_MS).getUTCDate() === 1;
  return field.split(",").some((item) => (item === "L" ? isLast : matches(item, date.getUTCDate(), 1, 31)));
}

function matchesWeekday(field: string, date: Date): boolean {
  const weekday = date.getUTCDay();
  const isLast = new Date(date.getTime() + 7 * DAY_MS).getUTCMonth() !== date.getUTCMonth();
  const occurrence = Math.ceil(date.getUTCDate() / 7);
  return field.split(",").some((item) => {
    if (item.endsWith("L")) return isLast && Number(item.slice(0, -1)) % 7 === weekday;
    const [day, wanted] = item.split("#") as [string, string | undefined];
    if (wanted !== undefined) return Number(day) % 7 === weekday && Number(wanted) === occurrence;
    return matches(item, weekday, 0, 7) || (weekday === 0 && matches(item, 7, 0, 7));
  });
}

function memo(compute: (key: number) => boolean): (key: number) => boolean {
  const known = new Map<number, boolean>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) known.set(key, (value = compute(key)));
    return value;
  };
}
