import { writeArchive } from "../../src/adapters/archive/write-archive.ts";
import { fingerprintOf } from "../../src/domain/fingerprint.ts";
import type { Manifest } from "../../src/domain/manifest.ts";
import { noRetry, type WorkflowDefinition } from "../../src/domain/workflow.ts";
import { canonicalBytes } from "../../src/kernel/canonical-json.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { definition, task } from "./definitions.ts";

type Json = unknown;

/** A package whose form is right, of whatever its author chose to put into it. */
export function packageOf(
  workflows: readonly WorkflowDefinition[],
  change: (manifest: Manifest) => unknown = (manifest) => manifest,
): Buffer {
  const bundle = Buffer.from("export default 1;\n");
  const files = [{ path: "bundle.mjs", sha256: sha256(bundle), size: bundle.length, mode: 0o644 }];
  const parts = { functions: new Map<string, string>(), sources: {}, schemas: {}, sdk: null, toolchain: {} };
  const manifest: Manifest = {
    format: 1,
    hostApi: 1,
    name: "hostile",
    version: "1.0.0",
    description: "",
    env: [],
    workflows,
    files,
    fingerprint: fingerprintOf({ workflows, env: [], files, ...parts }),
  };
  return writeArchive([
    { path: "manifest.json", bytes: canonicalBytes(change(manifest)), mode: 0o644 },
    { path: "bundle.mjs", bytes: bundle, mode: 0o644 },
  ]);
}

function scheduled(schema: Json, params: Json): WorkflowDefinition[] {
  const rule = {
    name: "s",
    cron: "0 0 * * *",
    timezone: null,
    params,
    catchUp: { kind: "skip", max: 1 },
    overlap: "skip",
  };
  return [definition([task("a")], { params: schema, schedules: [rule] } as Partial<WorkflowDefinition>)];
}

const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));
const named = (count: number, make: (index: number) => Json) =>
  Object.fromEntries(many(count, (index) => [`p${index}`, make(index)]));

/** Recursion of this depth doubles at each level. */
const doubling = {
  $defs: {
    n: {
      anyOf: [{ properties: { c: { $ref: "#/$defs/n" } } }, { properties: { c: { $ref: "#/$defs/n" } } }],
      required: ["x"],
    },
  },
  $ref: "#/$defs/n",
};
const nested = (depth: number): Json => (depth === 0 ? {} : { c: nested(depth - 1) });

/** Small files that ask for years of work, gigabytes, or a million problems. */
export const hostilePackages: Readonly<Record<string, () => Buffer>> = {
  "a pattern that backtracks for ever": () =>
    packageOf(scheduled({ properties: { a: { type: "string", pattern: "^(a+)+$" } } }, { a: `${"a".repeat(50)}!` })),
  "a pattern that backtracks for ever as the name of a property": () =>
    packageOf(scheduled({ patternProperties: { "^(a+)+$": { type: "null" } } }, { [`${"a".repeat(50)}!`]: 1 })),
  "two thousand references to one large definition": () =>
    packageOf(
      scheduled(
        {
          $defs: { d: { properties: named(200, () => ({ type: "string", minLength: 1 })) } },
          properties: named(2_000, () => ({ $ref: "#/$defs/d" })),
        },
        1,
      ),
    ),
  "references that multiply": () =>
    packageOf(
      scheduled(
        {
          $defs: Object.fromEntries(
            many(24, (i) => [
              `d${i}`,
              i === 23 ? { type: "null" } : { allOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] },
            ]),
          ),
          $ref: "#/$defs/d0",
        },
        1,
      ),
    ),
  "a definition that is itself": () =>
    packageOf(scheduled({ $defs: { a: { $ref: "#/$defs/a" } }, $ref: "#/$defs/a" }, 1)),
  "a schema with the name of the meta-schema": () =>
    packageOf(scheduled({ $id: "https://json-schema.org/draft/2020-12/schema", type: "string" }, 1)),
  "recursion that doubles at each level": () => packageOf(scheduled(doubling, nested(20))),
  "unique items without end": () =>
    packageOf(
      scheduled(
        { type: "array", uniqueItems: true },
        many(20_000, (index) => ({ index, same: "x" })),
      ),
    ),
  "millions of problems of params": () =>
    packageOf(
      scheduled(
        { type: "array", items: { allOf: many(400, () => ({ type: "null" })) } },
        many(5_000, () => 1),
      ),
    ),
  "five thousand dependencies on tasks that are not there": () =>
    packageOf([
      definition(many(5_000, (index) => task(`task-number-${index}`, { after: [`tosk-nomber-${index}-x`] }))),
    ]),
  "names of environment variables, each twice": () =>
    packageOf([definition([task("a")])], (manifest) => ({
      ...manifest,
      env: many(60_000, (index) => `E${index % 30_000}`),
    })),
  "two hundred thousand unknown keys": () =>
    packageOf([definition([task("a")])], (manifest) => ({ ...manifest, ...named(40_000, () => 0) })),
  "a million lists where texts belong": () =>
    packageOf([definition([task("a")])], (manifest) => ({ ...manifest, env: many(900_000, () => []) })),
  "a name of a hundred kilobytes": () =>
    packageOf([definition([task("x".repeat(100_000), { after: ["y".repeat(100_000)] })])]),
  "a rule of a hundred kilobytes": () =>
    packageOf([
      definition([task("a")], {
        schedules: [
          {
            name: "s",
            cron: `${"1,".repeat(50_000)}1 * * * *`,
            timezone: null,
            params: {},
            catchUp: { kind: "skip", max: 1 },
            overlap: "skip",
          },
        ],
      }),
    ]),
  "a zone of a hundred kilobytes": () =>
    packageOf([
      definition([task("a")], {
        schedules: [
          {
            name: "s",
            cron: "* * * * *",
            timezone: "Z".repeat(100_000),
            params: {},
            catchUp: { kind: "skip", max: 1 },
            overlap: "skip",
          },
        ],
      }),
    ]),
  "a thousand rules that are hard to compute": () =>
    packageOf([
      definition([task("a")], {
        schedules: many(
          1_000,
          (index) =>
            ({
              name: `s${index}`,
              cron: `${index % 60} ${index % 24} 30 2 *`,
              timezone: "Europe/Berlin",
              params: {},
              catchUp: { kind: "skip", max: 1 },
              overlap: "skip",
            }) as const,
        ),
      }),
    ]),
  "four megabytes of well-formed tasks, one of which is wrong": () =>
    packageOf([
      definition([
        ...many(4_000, (index) => task(`t${index}`, { retry: noRetry, command: { run: "x".repeat(500), env: {} } })),
        task("last", { after: ["nobody"] }),
      ]),
    ]),
};
