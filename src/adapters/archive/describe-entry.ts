/**
 * Runs in a process of its own while a package is packed: imports the bundle and writes down the workflows it exports.
 * Arguments: the bundle, the file to write the description to, the entry of a zod for schemas that cannot describe themselves.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import { SourceMap } from "node:module";
import { pathToFileURL } from "node:url";
import { exportedWorkflows, WORKFLOW } from "../../domain/exported-workflows.ts";
import { NOT_JSON } from "../../domain/field-check.ts";
import type { DescribedFunction, DescribedWorkflow, Description } from "./described.ts";

const AUTHORED = Symbol.for("cascade.authored.v1");
const MAX_DEPTH = 64;

interface Authored {
  name: unknown;
  options: unknown;
  tasks: readonly { name: unknown; options: unknown; run: unknown }[];
}

interface Schema {
  _zod?: unknown;
  "~standard"?: { jsonSchema?: { input?: (options: { target: string }) => unknown } };
}

const [bundlePath, resultPath, zodEntry] = process.argv.slice(2) as [string, string, string];
const bundleUrl = pathToFileURL(bundlePath).href;
const places = new WeakMap<object, string>();
const exit = process.exit.bind(process);
const calls = new WeakMap<object, number>();
const allCalls = new Set<number>();
const begun: Authored[] = [];
const { placeOf, callOf, sourceOf, entry } = readSourceMap(`${bundlePath}.map`);
const offsetOf = readOffsets(bundlePath);
const functionPlace = createFunctionPlaces();

function finish(description: Description): never {
  writeFileSync(resultPath, JSON.stringify(description));
  return exit(0);
}

function fail(message: string, stack: string | undefined, missing?: string): never {
  return finish({ failure: { message, place: placeOf(stack) ?? entry, missing, source: sourceOf(stack) } });
}

function failWith(error: unknown): never {
  return error instanceof Error
    ? fail(`importing the package fails: ${error.name}: ${error.message}`, error.stack, missingModule(error))
    : fail(`importing the package throws ${String(error)}`, undefined);
}

function missingModule(error: Error): string | undefined {
  const isMissing = "code" in error && /^(?:ERR_)?MODULE_NOT_FOUND$/.test(String(error.code));
  return isMissing ? /^Cannot find (?:module|package) '([^']+)'/.exec(error.message)?.[1] : undefined;
}

Error.stackTraceLimit = 100;
process.on("uncaughtException", failWith);
process.on("unhandledRejection", failWith);
process.exit = (code) =>
  fail(`the package ends the process while it is imported (code ${code ?? 0})`, new Error().stack);
Object.assign(globalThis, {
  [AUTHORED]: (part: object) => {
    if ("tasks" in part) begun.push(part as Authored);
    const { stack } = new Error();
    const place = placeOf(stack);
    if (place !== undefined) places.set(part, place);
    const call = callOf(stack);
    if (call === undefined) return;
    const at = offsetOf(call.line, call.column);
    calls.set(part, at);
    allCalls.add(at);
  },
});

let exported: Record<string, unknown>;
try {
  exported = (await import(bundleUrl)) as Record<string, unknown>;
} catch (error) {
  failWith(error);
}
const found = new Set(exportedWorkflows(exported).map((value) => value[WORKFLOW] as Authored));
const workflows: DescribedWorkflow[] = [];
for (const authored of found) workflows.push(await describe(authored));
const forgotten = begun
  .filter((authored) => !found.has(authored))
  .map((authored) => ({ name: String(authored.name), place: places.get(authored) ?? entry }));
finish({ workflows, calls: [...allCalls], forgotten });

async function describe(authored: Authored): Promise<DescribedWorkflow> {
  const place = places.get(authored) ?? entry;
  const options = isPlain(authored.options) ? authored.options : {};
  const { params, ...rest } = options;
  const { schema, mistake } = params === undefined ? {} : await jsonSchemaOf(params);
  const rules: unknown[] = Array.isArray(options["on"]) ? options["on"] : [options["on"]];
  return {
    value: {
      ...(encode(rest, 0) as object),
      ...(schema === undefined ? {} : { params: schema }),
      name: encode(authored.name, 0),
      tasks: authored.tasks.map((task) =>
        isPlain(task.options)
          ? { ...(encode(task.options, 0) as object), name: encode(task.name, 0) }
          : encode(task.options, 0),
      ),
    },
    call: calls.get(authored) ?? null,
    place,
    taskPlaces: authored.tasks.map((task) => places.get(task) ?? place),
    rulePlaces: rules.map(
      (rule) => (typeof rule === "object" && rule !== null ? places.get(rule) : undefined) ?? place,
    ),
    functions: authored.tasks.map(({ run }) => (typeof run === "function" ? functionOf(run as () => unknown) : null)),
    schemaMistake: mistake ?? null,
  };
}

function functionOf(run: () => unknown): DescribedFunction {
  // Not `run.toString()`, which an author's function may have of its own.
  return { text: Function.prototype.toString.call(run), at: functionPlace(run) };
}

/** Only the engine knows where in a script a function begins: its text may be there several times. */
function createFunctionPlaces(): (run: () => unknown) => number | null {
  const session = new Session();
  session.connect();
  const ASKED = Symbol.for("cascade.asked.v1");
  return (run) => {
    (globalThis as { [ASKED]?: unknown })[ASKED] = run;
    let at: number | null = null;
    // The answers come before `post` returns.
    session.post("Runtime.evaluate", { expression: 'globalThis[Symbol.for("cascade.asked.v1")]' }, (_, evaluated) => {
      const objectId = evaluated.result.objectId;
      if (objectId === undefined) return;
      session.post("Runtime.getProperties", { objectId, ownProperties: true }, (__, { internalProperties = [] }) => {
        const location = internalProperties.find(({ name }) => name === "[[FunctionLocation]]")?.value?.value as
          { lineNumber: number; columnNumber: number } | undefined;
        if (location) at = offsetOf(location.lineNumber, location.columnNumber);
      });
    });
    return at;
  };
}

/** From a line and a column, both from 0, to an offset in the text. */
function readOffsets(path: string): (line: number, column: number) => number {
  const starts = [0];
  const text = readFileSync(path, "utf8");
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) starts.push(end + 1);
  return (line, column) => (starts[line] ?? text.length) + column;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A value as JSON, with a mark in the place of whatever has no JSON form. */
function encode(value: unknown, depth: number): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : { [NOT_JSON]: String(value) };
  if (typeof value !== "object") return { [NOT_JSON]: `a ${typeof value}` };
  if (depth > MAX_DEPTH) return { [NOT_JSON]: `a value nested deeper than ${MAX_DEPTH} levels` };
  if (Array.isArray(value)) return value.map((item) => encode(item, depth + 1));
  if (!isPlain(value)) return { [NOT_JSON]: `a ${value.constructor?.name ?? "value without a class"}` };
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([key, member]) => [key, encode(member, depth + 1)]));
}

/** The JSON Schema, draft 2020-12, of what may be given: the input side, before defaults and transforms. */
async function jsonSchemaOf(params: unknown): Promise<{ schema?: unknown; mistake?: string }> {
  const schema = params as Schema | null;
  try {
    const convert = schema?.["~standard"]?.jsonSchema?.input;
    if (convert) return { schema: plainJson(convert({ target: "draft-2020-12" })) };
    if (schema?._zod === undefined) return { mistake: "it has no Standard JSON Schema (`~standard.jsonSchema`)" };
    // zod before 4.2 does not describe itself, but its schemas are open to a later one.
    const { toJSONSchema } = (await import(pathToFileURL(zodEntry).href)) as {
      toJSONSchema: (schema: unknown, options: object) => unknown;
    };
    return { schema: plainJson(toJSONSchema(params, { io: "input", target: "draft-2020-12" })) };
  } catch (error) {
    return { mistake: error instanceof Error ? error.message : String(error) };
  }
}

function plainJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** Leads from a stack in the bundle to the author's own file and line, past the SDK and dependencies. */
function readSourceMap(path: string) {
  const payload = JSON.parse(readFileSync(path, "utf8")) as ConstructorParameters<typeof SourceMap>[0];
  const map = new SourceMap(payload);
  const isSdk = (source: string) => source.startsWith("cascaded-");
  const isOwn = (source: string) => !isSdk(source) && !source.startsWith("node_modules/");

  /** The innermost call of the stack whose source is meant. */
  function find(stack: string | undefined, isMeant: (source: string) => boolean) {
    for (const [, url, line, column] of stack?.matchAll(/(file:\/\/[^\s)]+):(\d+):(\d+)/g) ?? []) {
      if (url !== bundleUrl) continue;
      const origin = map.findEntry(Number(line) - 1, Number(column) - 1);
      if ("originalSource" in origin && isMeant(origin.originalSource)) {
        return { origin, line: Number(line) - 1, column: Number(column) - 1 };
      }
    }
    return undefined;
  }

  return {
    entry: payload.sources.findLast(isOwn) ?? "the entry",
    placeOf(stack: string | undefined): string | undefined {
      const origin = find(stack, isOwn)?.origin;
      return origin && `${origin.originalSource}:${origin.originalLine + 1}:${origin.originalColumn + 1}`;
    },
    sourceOf: (stack: string | undefined) => find(stack, (source) => !isSdk(source))?.origin.originalSource,
    /** Where in the bundle the SDK was called from, line and column from 0. */
    callOf: (stack: string | undefined) => find(stack, (source) => !isSdk(source)),
  };
}
