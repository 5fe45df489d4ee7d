import type { Context, HonoRequest } from "hono";
import type { AnchorRequest, ReplayRequest, StartRunRequest } from "../app/application.ts";
import type { ErrorCode } from "../kernel/error-catalogue.ts";
import { CascadeError, problem, type Problem, PROBLEMS_MAX } from "../kernel/errors.ts";
import { isJsonObject, type Json, pointerPart } from "../kernel/json.ts";
import { parseJson } from "../kernel/json-text.ts";
import { readBytes } from "./node-exchange.ts";

const DEFAULT_LIMIT = 50;
const BODY_MAX = 10 * 1024 * 1024;
/** Characters of a name that are repeated in a message. */
const NAME_SHOWN = 100;

/** The body as JSON. An empty one is `{}`. Throws `JSON_INVALID` or `BODY_TOO_LARGE`. */
export async function readJson(c: Context): Promise<unknown> {
  const tooLarge = () => new CascadeError("BODY_TOO_LARGE", `the body is larger than ${BODY_MAX} bytes`);
  if (Number(c.req.header("content-length") ?? 0) > BODY_MAX) throw tooLarge();
  const bytes = await readBytes(c, BODY_MAX);
  if (!bytes) throw tooLarge();
  return bytes.every(isSpace) ? {} : parseJson(bytes, "the body").value;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

export function startRunRequest(body: unknown): StartRunRequest {
  const problems = createProblems();
  const request = readStart(body, "", problems);
  return accepted(request, problems);
}

export function startRunsRequest(body: unknown): readonly StartRunRequest[] {
  const problems = createProblems();
  const fields = readFields(body, "", ["runs"], problems);
  const runs = fields["runs"];
  if (!Array.isArray(runs)) {
    problems.report("FIELD_INVALID", "/runs", "runs is a list of {workflow, params, key}");
    return accepted([], problems);
  }
  const requests: StartRunRequest[] = [];
  for (const [index, run] of (runs as unknown[]).entries()) {
    if (problems.isFull()) break;
    requests.push(readStart(run, `/runs/${index}`, problems));
  }
  return accepted(requests, problems);
}

/** `{task, offsets}` of a request for logs; both may be left out. */
export function logsRequest(body: unknown): { task: string | null; offsets: Record<string, number> } {
  const problems = createProblems();
  const fields = readFields(body, "", ["task", "offsets"], problems);
  const task = fields["task"] ?? null;
  if (task !== null && typeof task !== "string") problems.report("FIELD_INVALID", "/task", "task is a name");
  const offsets: Record<string, number> = {};
  for (const [attempt, offset] of Object.entries(readFields(fields["offsets"] ?? {}, "/offsets", null, problems))) {
    if (problems.isFull()) break;
    if (Number.isSafeInteger(offset) && (offset as number) >= 0) offsets[attempt] = offset as number;
    else problems.report("FIELD_INVALID", `/offsets/${attempt}`, "an offset is a number of bytes");
  }
  return accepted({ task: task as string | null, offsets }, problems);
}

/** `{name, wait}` of a request to anchor; both may be left out. */
export function anchorRequest(body: unknown): AnchorRequest {
  const problems = createProblems();
  const { name = null, wait = false } = readFields(body, "", ["name", "wait"], problems);
  if (name !== null && typeof name !== "string") problems.report("FIELD_INVALID", "/name", "name is a text");
  if (typeof wait !== "boolean") problems.report("FIELD_INVALID", "/wait", "wait is true or false");
  return accepted({ name: name as string | null, wait: wait === true }, problems);
}

/** `{task, against, mask}` of a replay; all may be left out. */
export function replayRequest(body: unknown): ReplayRequest {
  const problems = createProblems();
  const fields = readFields(body, "", ["task", "against", "mask"], problems);
  const textAt = (name: string): string | null => {
    const value = fields[name] ?? null;
    if (value === null || typeof value === "string") return value;
    problems.report("FIELD_INVALID", `/${name}`, `${name} is a name`);
    return null;
  };
  const mask = fields["mask"] ?? [];
  if (!Array.isArray(mask) || !mask.every((pointer) => typeof pointer === "string")) {
    problems.report("FIELD_INVALID", "/mask", "mask is a list of JSON pointers");
  }
  return accepted({ task: textAt("task"), against: textAt("against"), mask: mask as string[] }, problems);
}

function readStart(value: unknown, place: string, problems: Problems): StartRunRequest {
  const fields = readFields(value, place, ["workflow", "params", "key"], problems);
  const { workflow, params, key } = fields;
  if (typeof workflow !== "string" || workflow === "") {
    problems.report("FIELD_INVALID", `${place}/workflow`, "workflow is the name of a workflow");
  }
  if (key !== undefined && key !== null && typeof key !== "string") {
    problems.report("FIELD_INVALID", `${place}/key`, "key is a text");
  }
  return {
    workflow: typeof workflow === "string" ? workflow : "",
    params: params === undefined ? {} : (params as Json),
    ...(typeof key === "string" ? { key } : {}),
  };
}

/** The members of an object; what is not in `known` is a problem, unless any name will do. */
function readFields(
  value: unknown,
  place: string,
  known: readonly string[] | null,
  problems: Problems,
): Record<string, unknown> {
  if (!isJsonObject(value)) {
    problems.report("FIELD_INVALID", place || "/", "it is not a JSON object");
    return {};
  }
  for (const name of known ? Object.keys(value) : []) {
    if (problems.isFull()) break;
    if (!known!.includes(name)) {
      const shown = name.slice(0, NAME_SHOWN);
      problems.report("FIELD_UNKNOWN", `${place}/${pointerPart(shown)}`, `${shown} is not one of ${known!.join(", ")}`);
    }
  }
  return value;
}

/** What is wrong with a request, up to as much as anybody reads; looking on after that would be work for nothing. */
interface Problems {
  report(code: ErrorCode, place: string, message: string): void;
  isFull(): boolean;
  readonly found: readonly Problem[];
}

function createProblems(): Problems {
  const found: Problem[] = [];
  return {
    found,
    isFull: () => found.length >= PROBLEMS_MAX,
    report(code, place, message) {
      if (found.length < PROBLEMS_MAX) found.push(problem(code, place, message));
    },
  };
}

function accepted<Value>(value: Value, { found }: Problems): Value {
  const [first] = found;
  if (!first) return value;
  throw new CascadeError(first.code, `${first.place}: ${first.message}`, { problems: found });
}

/** `?limit=`, 50 unless given. Throws `USAGE` for anything but a positive whole number. */
export function limitOf(request: HonoRequest): number {
  const text = request.query("limit");
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = Number(text);
  if (Number.isSafeInteger(limit) && limit > 0) return limit;
  throw new CascadeError("USAGE", `limit is a positive whole number, not ${JSON.stringify(text)}`);
}

/** The values of a query parameter that may be repeated or hold several, separated by commas. */
export function listOf(request: HonoRequest, name: string): string[] {
  return (request.queries(name) ?? []).flatMap((value) => value.split(",")).filter((value) => value !== "");
}
