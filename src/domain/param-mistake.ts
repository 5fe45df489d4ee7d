import { isJsonObject } from "../kernel/json.ts";
import { referredTo } from "./declared-params.ts";

/** What a check by JSON Schema says of one place: the members of Ajv's errors that are used. */
export interface SchemaError {
  keyword: string;
  /** JSON pointer into what was checked. */
  instancePath: string;
  /** A pointer into the schema, `#/properties/date/pattern`. */
  schemaPath: string;
  message?: string;
  params: Record<string, unknown>;
}

/** How values of a `format` look, for those that people write by hand. */
const formats: Readonly<Record<string, string>> = {
  date: "a date such as 2026-01-31",
  time: "a time such as 14:30:00",
  "date-time": "a date and time such as 2026-01-31T14:30:00Z",
  duration: "a duration such as P1DT12H",
  email: "an e-mail address",
  uri: "a URL such as https://example.org",
  url: "a URL such as https://example.org",
  uuid: "a UUID",
  ipv4: "an IPv4 address",
  ipv6: "an IPv6 address",
};
const SHOWN_MAX = 80;

/** One line about a mistake. Of a text with a `format` it says what was given and what is wanted, rather than a regular expression. */
export function paramMistake(
  { keyword, instancePath, schemaPath, message, params }: SchemaError,
  schema: unknown,
  given: unknown,
): string {
  if (keyword === "pattern") return `${shown(valueAt(given, instancePath))} is not ${wantedForm(schema, schemaPath)}`;
  const extra = "additionalProperty" in params ? `: ${String(params["additionalProperty"])}` : "";
  const allowed = "allowedValues" in params ? `: ${JSON.stringify(params["allowedValues"])}` : "";
  return `${message ?? "is wrong"}${extra}${allowed}`;
}

function wantedForm(schema: unknown, schemaPath: string): string {
  const part = referredTo(schemaPath.slice(0, schemaPath.lastIndexOf("/")), schema);
  const { format, pattern } = isJsonObject(part) ? part : {};
  if (typeof format === "string" && Object.hasOwn(formats, format)) return formats[format]!;
  const named = typeof format === "string" ? `a text of the format ${format}` : "a text of the form that is wanted";
  return typeof pattern === "string" && pattern.length <= SHOWN_MAX ? `${named}: /${pattern}/` : named;
}

function valueAt(given: unknown, pointer: string): unknown {
  return pointer === "" ? given : referredTo(`#${pointer}`, given);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "it";
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
