import { CronExpressionParser } from "cron-parser";
import { CascadeError } from "../../kernel/errors.ts";
import { type CronRule, isDueOftenEnough } from "../../domain/cron-rule.ts";
import { normaliseCron, readCronText, unionLists } from "./cron-text.ts";
import "./luxon-language.ts";

/** Reads a rule; throws `CRON_INVALID` for what is none, and for one that is not due in every stretch of eight years. */
export function parseCron(text: string): CronRule {
  const texts = readCronText(normaliseCron(text));
  if ("wrong" in texts) throw invalid(text, texts.wrong);
  const [, minute, hour, dayOfMonth, , dayOfWeek] = texts;
  const parsed = parseFields(text, unionLists(texts).join(" "));
  const weekdays: readonly (number | string)[] = parsed.dayOfWeek.values;
  const daysOfMonth: readonly (number | string)[] = parsed.dayOfMonth.values;
  const rule: CronRule = {
    seconds: numbers(parsed.second.values),
    minutes: numbers(parsed.minute.values),
    hours: numbers(parsed.hour.values),
    daysOfMonth: numbers(daysOfMonth),
    lastDayOfMonth: daysOfMonth.includes("L"),
    months: numbers(parsed.month.values),
    // The parser leaves 7 beside 0 and writes the last Friday as "5L".
    weekdays: numbers(weekdays.map((value) => (typeof value === "number" ? value % 7 : value))),
    weekdayOccurrence: parsed.dayOfWeek.nthDay,
    lastWeekdays: numbers(weekdays.flatMap((value) => (typeof value === "string" ? [parseInt(value, 10) % 7] : []))),
    eitherDayField: !startsWithStar(dayOfMonth) && !startsWithStar(dayOfWeek),
    followsRealTime: startsWithStar(minute) || startsWithStar(hour),
  };
  if (!isDueOftenEnough(rule)) throw invalid(text, "it would be due never, or less than once in eight years");
  return rule;
}

function parseFields(text: string, sixFields: string) {
  try {
    // An instant is given, though none is asked for: the zone of now would be looked up.
    return CronExpressionParser.parse(sixFields, { tz: "UTC", currentDate: 0 }).fields;
  } catch (error) {
    throw invalid(text, error instanceof Error ? error.message : String(error), error);
  }
}

function startsWithStar(field: string): boolean {
  return field.startsWith("*") || field === "?";
}

function numbers(values: readonly (number | string)[]): number[] {
  return [...new Set(values.filter((value) => typeof value === "number"))].sort((a, b) => a - b);
}

function invalid(text: string, reason: string, cause?: unknown): CascadeError {
  const shown = JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
  return new CascadeError("CRON_INVALID", `${shown} is not a cron rule: ${reason}`, { cause });
}
