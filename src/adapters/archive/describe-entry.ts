/**
 * Runs in a process of its own while a package is packed: imports the bundle and writes down the workflows it exports.
 * Arguments: the bundle, the file to write the description to, the entry of a zod for schemas that cannot describe themselves.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { pathToFileURL } from "node:url";
import { NOT_JSON } from "../../domain/field-check.ts";
import type { DescribedWorkflow, Description } from "./described.ts";

const WORKFLOW = Symbol.for("cascade.workflow.v1");
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
const { placeOf, entry } = readSourceMap(`${bundlePath}.map`);

function finish(description: Description): never {
  writeFileSync(resultPath, JSON.stringify(description));
  return exit(0);
}

function fail(message: string, stack: string | undefined): never {
  return finish({ failure: { message, place: placeOf(stack) ?? entry } });
}

function failWith(error: unknown): never {
  return error instanceof Error
    ? fail(`importing the package fails: ${error.name}: ${error.message}`, error.stack)
    : fail(`importing the package throws ${String(error)}`, undefined);
}

Error.stackTraceLimit = 100;
process.on("uncaughtException", failWith);
process.on("unhandledRejection", failWith);
process.exit = (code) =>
  fail(`the package ends the process while it is imported (code ${code ?? 0})`, new Error().stack);
Object.assign(globalThis, {
  [AUTHORED]: (part: object) => {
    const place = placeOf(new Error().stack);
    if (place !== undefined) places.set(part, place);
  },
});

let exported: Record<string, unknown>;
try {
  exported = (await import(bundleUrl)) as Record<string, unknown>;
} catch (error) {
  failWith(error);
}
const found = Object.values(exported).flatMap((value) => {
  const authored: unknown =
    typeof value === "object" && value !== null ? (value as { [WORKFLOW]?: unknown })[WORKFLOW] : undefined;
  return authored === undefined ? [] : [authored as Authored];
});
const workflows: DescribedWorkflow[] = [];
for (const authored of new Set(found)) workflows.push(await describe(authored));
finish({ workflows });

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
    place,
    taskPlaces: authored.tasks.map((task) => places.get(task) ?? place),
    rulePlaces: rules.map(
      (rule) => (typeof rule === "object" && rule !== null ? places.get(rule) : undefined) ?? place,
    ),
    functions: authored.tasks.map(({ run }) => (typeof run === "function" ? textOf(run as () => unknown) : null)),
    schemaMistake: mistake ?? null,
  };
}

/** Not `run.toString()`, which an author's function may have of its own. */
function textOf(run: () => unknown): string {
  return Function.prototype.toString.call(run);
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
function readSourceMap(path: string): { placeOf: (stack: string | undefined) => string | undefined; entry: string } {
  const payload = JSON.parse(readFileSync(path, "utf8")) as ConstructorParameters<typeof SourceMap>[0];
  const map = new SourceMap(payload);
  const isOwn = (source: string) => !source.startsWith("cascaded-sdk:") && !source.startsWith("node_modules/");
  return {
    entry: payload.sources.findLast(isOwn) ?? "the entry",
    placeOf(stack) {
      for (const [, url, line, column] of stack?.matchAll(/(file:\/\/[^\s)]+):(\d+):(\d+)/g) ?? []) {
        if (url !== bundleUrl) continue;
        const origin = map.findEntry(Number(line) - 1, Number(column) - 1);
        if (!("originalSource" in origin) || !isOwn(origin.originalSource)) continue;
        return `${origin.originalSource}:${origin.originalLine + 1}:${origin.originalColumn + 1}`;
      }
      return undefined;
    },
  };
}
