import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DefinitionRules } from "../../src/domain/definition-check.ts";
import { fingerprintOf } from "../../src/domain/fingerprint.ts";
import type { Manifest } from "../../src/domain/manifest.ts";
import { formatManifest, isVersion, parseManifest } from "../../src/domain/manifest-check.ts";
import type { WorkflowDefinition } from "../../src/domain/workflow.ts";
import { canonicalBytes } from "../../src/kernel/canonical-json.ts";
import { definition, task } from "../support/definitions.ts";
import { CascadeError } from "../../src/kernel/errors.ts";
import { asFirstFormat } from "../support/manifests.ts";

const rules: DefinitionRules = {
  checkCron(cron) {
    if (/[^\d*/ ,-]/.test(cron)) throw new Error(`"${cron}" is no rule`);
    return cron.trim().replace(/ +/g, " ");
  },
  checkTimezone(name) {
    if (name !== "Europe/Berlin") throw new CascadeError("TIMEZONE_UNKNOWN", `"${name}" is not a time zone`);
  },
  schemaMistake: (schema) => (typeof schema === "object" && "broken" in schema ? "it is broken" : undefined),
  paramsMistakes: (schema, params) => (schema === false ? [`${JSON.stringify(params)} is not taken`] : []),
};

const schedule: WorkflowDefinition["schedules"][number] = {
  name: "0 2 * * * Europe/Berlin",
  cron: "0 2 * * *",
  timezone: "Europe/Berlin",
  params: {},
  catchUp: { kind: "latest", max: 10 },
  overlap: "skip",
};
const file = { path: "bundle.mjs", sha256: "a".repeat(64), size: 3, mode: 0o644 };

function manifest(change: Partial<Manifest> = {}): Manifest {
  const {
    workflows = [definition([task("a"), task("b", { after: ["a"] })], { schedules: [schedule] })],
    files = [file],
  } = change;
  const fingerprint = fingerprintOf({
    workflows,
    env: [],
    files,
    functions: new Map(),
    sources: {},
    schemas: {},
    sdk: null,
    toolchain: {},
  });
  return {
    format: 1,
    hostApi: 1,
    name: "demo",
    version: "1.0.0",
    description: "",
    env: [],
    workflows,
    files,
    fingerprint,
    ...change,
  };
}

function codesOf(value: unknown): string[] {
  const parsed = parseManifest(canonicalBytes(value), rules);
  if ("manifest" in parsed) return [];
  const { code, problems } = parsed.error;
  return problems.length === 0 ? [code] : problems.map((problem) => `${problem.code} ${problem.place}`);
}

describe("a manifest", () => {
  it("is read back as it was written", () => {
    expect(parseManifest(formatManifest(manifest()), rules)).toEqual({ manifest: manifest() });
  });

  it("of the first packages, whose fingerprint says less, is read as it is", () => {
    const first = asFirstFormat(manifest());
    expect(Object.keys(first.fingerprint)).toHaveLength(8);
    expect(parseManifest(formatManifest(first), rules)).toEqual({ manifest: first });
  });

  it("of another format or host interface needs another Cascade, whatever else it holds", () => {
    expect(codesOf({ format: 2, surprise: true })).toEqual(["PACKAGE_NEEDS_NEWER_CASCADE"]);
    expect(codesOf({ ...manifest(), hostApi: 2 })).toEqual(["PACKAGE_NEEDS_NEWER_CASCADE"]);
  });

  it.each([
    ["spaces", `${formatManifest(manifest()).toString()} `],
    ["another order of keys", JSON.stringify(Object.fromEntries(Object.entries(manifest()).toReversed()))],
    ["a key twice", formatManifest(manifest()).toString().replace(`"name":"demo"`, `"name":"demo","name":"demo"`)],
    ["a byte order mark", `\ufeff${formatManifest(manifest()).toString()}`],
    ["no JSON", "{"],
    ["no object", "[]"],
  ])("with %s is refused", (_, text) => {
    expect(parseManifest(Buffer.from(text), rules)).toMatchObject({ error: { code: "PACKAGE_INVALID" } });
  });

  it("is bounded in bytes, depth, tasks and dependencies", () => {
    const deep = JSON.parse(`${"[".repeat(40)}${"]".repeat(40)}`) as never;
    expect(codesOf({ ...manifest(), workflows: [definition([task("a")], { params: { deep } })] })).toEqual([
      "PACKAGE_INVALID",
    ]);
    expect(codesOf({ ...manifest(), description: "x".repeat(4 * 1024 * 1024) })).toEqual(["PACKAGE_INVALID"]);
    const many = Array.from({ length: 5_001 }, (_, index) => task(`t${index}`));
    expect(codesOf(manifest({ workflows: [definition(many)] }))).toEqual(["PACKAGE_TOO_LARGE manifest.json workflows"]);
    const names = Array.from({ length: 201 }, (_, index) => `t${index}`);
    const dense = names.map((name, index) => task(name, { after: names.slice(0, index) }));
    expect(codesOf(manifest({ workflows: [definition(dense)] }))).toEqual([
      "PACKAGE_TOO_LARGE manifest.json workflows",
    ]);
  });

  const flow = (tasks: Parameters<typeof definition>[0], change = {}) =>
    manifest({ workflows: [definition(tasks, change)] });
  it.each<[string, Manifest, string]>([
    ["a bad name", manifest({ name: "Demo" }), "NAME_INVALID manifest.json name"],
    ["a bad version", manifest({ version: "1" }), "VERSION_INVALID manifest.json version"],
    ["no workflow", manifest({ workflows: [] }), "PACK_NO_WORKFLOW manifest.json workflows"],
    ["a variable that Cascade sets", manifest({ env: ["HOME"] }), "FIELD_INVALID manifest.json env[0]"],
    ["a variable twice", manifest({ env: ["A", "A"] }), "FIELD_INVALID manifest.json env[1]"],
    ["no task", flow([]), "WORKFLOW_EMPTY manifest.json workflows[0].tasks"],
    ["a task twice", flow([task("a"), task("a")]), "TASK_REPEATED manifest.json workflows[0].tasks[1].name"],
    [
      "an unknown task",
      flow([task("a", { after: ["b"] })]),
      "TASK_UNKNOWN manifest.json workflows[0].tasks[0].after[0]",
    ],
    ["a circle", flow([task("a", { after: ["a"] })]), "GRAPH_CYCLE manifest.json workflows[0].tasks[0].after"],
    [
      "a time limit of zero",
      flow([task("a", { timeoutMs: 0 })]),
      "FIELD_INVALID manifest.json workflows[0].tasks[0].timeoutMs",
    ],
    [
      "a mark that is not set",
      flow([task("a")], { logStart: false }),
      "FIELD_INVALID manifest.json workflows[0].logStart",
    ],
    [
      "half a millisecond",
      flow([task("a", { timeoutMs: 0.5 })]),
      "FIELD_INVALID manifest.json workflows[0].tasks[0].timeoutMs",
    ],
    [
      "a bad rule",
      flow([task("a")], { schedules: [{ ...schedule, name: "x", cron: "at noon" }] }),
      "CRON_INVALID manifest.json workflows[0].schedules[0].cron",
    ],
    [
      "a rule not normalised",
      flow([task("a")], { schedules: [{ ...schedule, name: "x", cron: "0  2 * * *" }] }),
      "CRON_INVALID manifest.json workflows[0].schedules[0].cron",
    ],
    [
      "a bad zone",
      flow([task("a")], { schedules: [{ ...schedule, name: "x", timezone: "Mars" }] }),
      "TIMEZONE_UNKNOWN manifest.json workflows[0].schedules[0].timezone",
    ],
    [
      "a bad schedule name",
      flow([task("a")], { schedules: [{ ...schedule, name: "a/b" }] }),
      "NAME_INVALID manifest.json workflows[0].schedules[0].name",
    ],
    [
      "a schedule twice",
      flow([task("a")], { schedules: [schedule, schedule] }),
      "SCHEDULE_REPEATED manifest.json workflows[0].schedules[1].name",
    ],
    [
      "a bad schema",
      flow([task("a")], { params: { broken: 1 } }),
      "PARAMS_SCHEMA_UNSUPPORTED manifest.json workflows[0].params",
    ],
    [
      "params that do not fit",
      flow([task("a")], { params: false, schedules: [schedule] }),
      "SCHEDULE_PARAMS_INVALID manifest.json workflows[0].schedules[0].params",
    ],
    ["functions without a bundle", manifest({ files: [] }), "TASK_NOT_IN_BUNDLE manifest.json files"],
    [
      "a path that climbs out",
      manifest({ files: [{ ...file, path: "assets/../../x" }, file] }),
      "PACKAGE_UNSAFE manifest.json files[0].path",
    ],
    [
      "a file elsewhere",
      manifest({ files: [{ ...file, path: "another" }, file] }),
      "PACKAGE_UNSAFE manifest.json files[0].path",
    ],
    [
      "a control character",
      manifest({ files: [{ ...file, path: "assets/\u0007" }, file] }),
      "PACKAGE_UNSAFE manifest.json files[0].path",
    ],
    [
      "files out of order",
      manifest({ files: [file, { ...file, path: "assets/a" }] }),
      "FIELD_INVALID manifest.json files[1].path",
    ],
    [
      "a file below a file",
      manifest({ files: [{ ...file, path: "assets/a" }, { ...file, path: "assets/a/b" }, file] }),
      "PACKAGE_UNSAFE manifest.json files[1].path",
    ],
    [
      "a mode beyond the two",
      manifest({ files: [{ ...file, mode: 0o4755 }] }),
      "FIELD_INVALID manifest.json files[0].mode",
    ],
    [
      "an unlisted task digest",
      { ...manifest(), fingerprint: { ...manifest().fingerprint, tasks: {} } },
      "FIELD_INVALID manifest.json fingerprint.tasks",
    ],
    ["an unknown key", { ...manifest(), extra: 1 } as never, "FIELD_UNKNOWN manifest.json extra"],
  ])("with %s is refused, with the place", (_, value, expected) => {
    expect(codesOf(value)).toEqual([expected]);
  });

  it("of which any one value is replaced never makes the reader throw", () => {
    const json = JSON.stringify(manifest());
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 2 }), fc.nat(), (value, seed) => {
        const copy = JSON.parse(json) as object;
        const slots: [Record<string, unknown>, string][] = [];
        const visit = (node: unknown): void => {
          if (typeof node !== "object" || node === null) return;
          for (const key of Object.keys(node)) {
            slots.push([node as Record<string, unknown>, key]);
            visit((node as Record<string, unknown>)[key]);
          }
        };
        visit(copy);
        const [owner, key] = slots[seed % slots.length]!;
        owner[key] = value;
        let bytes: Buffer;
        try {
          bytes = canonicalBytes(copy);
        } catch {
          return; // Half a surrogate pair has no bytes.
        }
        const parsed = parseManifest(bytes, rules);
        if ("manifest" in parsed) expect(formatManifest(parsed.manifest).equals(bytes)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a version", () => {
  it.each(["1.0.0", "0.0.1-rc.1", "1.2.3+build.5", "10.20.30-a-b"])("may be %s", (text) =>
    expect(isVersion(text)).toBe(true),
  );
  it.each(["1", "1.0", "v1.0.0", "01.0.0", "1.0.0-01", "1.0.0 ", `1.0.0-${"x".repeat(100)}`])("may not be %s", (text) =>
    expect(isVersion(text)).toBe(false),
  );
});
