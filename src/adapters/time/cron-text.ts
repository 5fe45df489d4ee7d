/** A field of a cron rule as it is written. */
interface CronField {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Different values it can have: Sunday is 0 and 7. */
  readonly values: number;
  readonly names: readonly string[];
  /** Takes `?` for `*`. */
  readonly question: boolean;
}

const monthNames = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"] as const;
const weekdayNames = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] as const;

/** In the order in which they are written. */
const fields: readonly CronField[] = [
  { name: "second", min: 0, max: 59, values: 60, names: [], question: false },
  { name: "minute", min: 0, max: 59, values: 60, names: [], question: false },
  { name: "hour", min: 0, max: 23, values: 24, names: [], question: false },
  { name: "day of month", min: 1, max: 31, values: 31, names: [], question: true },
  { name: "month", min: 1, max: 12, values: 12, names: monthNames, question: false },
  { name: "day of week", min: 0, max: 7, values: 7, names: weekdayNames, question: true },
];

const shortForms: ReadonlyMap<string, string> = new Map([
  ["@hourly", "0 * * * *"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  ["@weekly", "0 0 * * 0"],
  ["@monthly", "0 0 1 * *"],
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
]);

/** Every value of every field, written out, takes less. */
const LONGEST_RULE = 1_000;

/** The text of a rule's six fields, the second first; it is "0" when five were written. */
type CronFieldTexts = readonly [
  second: string,
  minute: string,
  hour: string,
  dayOfMonth: string,
  month: string,
  dayOfWeek: string,
];

/** Single spaces, no surrounding ones. */
export function normaliseCron(text: string): string {
  return text.trim().replace(/[ \t]+/g, " ");
}

/**
 * Checks the form of a normalised rule, because the parser behind it also takes what is no rule: the empty text, one to four fields,
 * `H`, `?` anywhere, steps that are never reached. Returns its fields, or what is wrong as the end of a sentence.
 */
export function readCronText(text: string): CronFieldTexts | { wrong: string } {
  if (text === "") return { wrong: "it is empty" };
  if (text.length > LONGEST_RULE) return { wrong: `it is longer than ${LONGEST_RULE} characters` };
  if (text.startsWith("@") && !shortForms.has(text)) {
    return { wrong: `the short forms are ${[...shortForms.keys()].join(", ")}` };
  }
  const written = (shortForms.get(text) ?? text).split(" ");
  if (written.length < 5 || written.length > 6) {
    return { wrong: `it has ${written.length} ${written.length === 1 ? "field" : "fields"} instead of five or six` };
  }
  const texts = written.length === 5 ? ["0", ...written] : written;
  for (const [index, field] of fields.entries()) {
    for (const item of texts[index]!.split(",")) {
      const wrong = checkItem(field, item, texts[index]!);
      if (wrong !== undefined) return { wrong };
    }
  }
  const [second, minute, hour, dayOfMonth, month, dayOfWeek] = texts;
  return [second!, minute!, hour!, dayOfMonth!, month!, dayOfWeek!];
}

/** The same fields with each list as the union of its items, sorted: the parser refuses a value that is there twice. */
export function unionLists(texts: CronFieldTexts): string[] {
  return texts.map((whole, index) => (whole.includes(",") ? union(fields[index]!, whole.split(",")) : whole));
}

function union(field: CronField, items: readonly string[]): string {
  const isWeekday = field.name === "day of week";
  const values = new Set<number>();
  const special = new Set<string>();
  for (const item of items) {
    const parts = ITEM.exec(item)?.groups;
    if (item === "L" || !parts) {
      special.add(isWeekday ? `${valueOf(field, item.slice(0, -1))! % 7}L` : item);
      continue;
    }
    const { from, to, step } = spanOf(field, parts as ItemParts);
    for (let value = from!; value <= to!; value += step) values.add(isWeekday ? value % 7 : value);
  }
  return [...[...values].sort((one, other) => one - other), ...special].join(",");
}

type ItemParts = { from: string; to?: string; step?: string };

/** Undefined for a value that the field has not. */
function spanOf(
  field: CronField,
  parts: ItemParts,
): { from: number | undefined; to: number | undefined; step: number } {
  const star = parts.from === "*";
  const from = star ? field.min : valueOf(field, parts.from);
  const open = star || (parts.to === undefined && parts.step !== undefined);
  const to = open ? field.max : valueOf(field, parts.to ?? parts.from);
  return { from, to, step: Number(parts.step ?? 1) };
}

const ITEM = /^(?<from>\*|[0-9]{1,2}|[A-Za-z]{3})(?:-(?<to>[0-9]{1,2}|[A-Za-z]{3}))?(?:\/(?<step>[0-9]{1,2}))?$/;
const LAST_WEEKDAY = /^([0-7]|[A-Za-z]{3})L$/;
const NTH_WEEKDAY = /^([0-7]|[A-Za-z]{3})#[1-5]$/;

function checkItem(field: CronField, item: string, whole: string): string | undefined {
  const wrong = (reason: string) => `the ${field.name} "${whole}" ${reason}`;
  if (item === "") return wrong("has an empty place in its list");
  if (item === "?" && field.question) return whole === "?" ? undefined : wrong("mixes ? with other values");
  if (item === "L" && field.name === "day of month") return undefined;
  if (field.name === "day of week") {
    const special = LAST_WEEKDAY.exec(item) ?? NTH_WEEKDAY.exec(item);
    if (special) {
      if (item.includes("#") && item !== whole) return wrong("mixes # with other values");
      return valueOf(field, special[1]!) === undefined ? wrong(`has an unknown value, ${special[1]}`) : undefined;
    }
  }
  const parts = ITEM.exec(item)?.groups as ItemParts | undefined;
  if (!parts) return wrong("is not made of numbers, names, *, ranges and steps");
  if (parts.from === "*" && parts.to !== undefined) return wrong("has a range that begins with *");
  const { from, to, step } = spanOf(field, parts);
  if (from === undefined) return wrong(`has ${parts.from}, which is not within ${field.min}-${field.max}`);
  if (to === undefined) return wrong(`has ${parts.to}, which is not within ${field.min}-${field.max}`);
  if (to < from) return wrong("has a range that ends before it begins");
  if (parts.step !== undefined) {
    const span = Math.min(to - from, field.values - 1);
    if (step < 1 || step > span) return wrong(`has a step of ${step}, which is not within 1-${Math.max(1, span)}`);
  }
  return undefined;
}

function valueOf(field: CronField, text: string): number | undefined {
  if (/^[0-9]+$/.test(text)) {
    const value = Number(text);
    return value >= field.min && value <= field.max ? value : undefined;
  }
  const index = field.names.indexOf(text.toUpperCase());
  return index < 0 ? undefined : index + field.min;
}
