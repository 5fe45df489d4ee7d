import { isDigest } from "../kernel/digest.ts";
import type { Json } from "../kernel/json.ts";
import { bounds, environmentNameMistake, isEnvironmentName } from "./authored-definition.ts";
import type { FieldCheck, Path } from "./field-check.ts";
import { type Fingerprint, HOST_API, type Manifest, MANIFEST_FORMAT, type PackageFile } from "./manifest.ts";
import {
  backoffKinds,
  catchUpKinds,
  type Command,
  effectsKinds,
  isolationKinds,
  type JsonSchema,
  onInterruptedKinds,
  overlapKinds,
  type ScheduleDefinition,
  type TaskDefinition,
  type WorkflowDefinition,
} from "./workflow.ts";

const SAFE_INTEGER = { min: 0, max: Number.MAX_SAFE_INTEGER };
/** More than any span that `parseDuration` reads. */
const MILLISECONDS = { min: 0, max: 3_660 * 86_400_000 };

/**
 * Reads the shape of a manifest: every key known, every field of its type and range. What is wrong is reported; the result
 * counts only if nothing was.
 */
export function readManifest(value: Record<string, unknown>, check: FieldCheck): Manifest {
  check.object(
    value,
    [],
    ["format", "hostApi", "name", "version", "description", "env", "workflows", "files", "fingerprint"],
  );
  check.integer(value["format"], ["format"], { min: MANIFEST_FORMAT, max: MANIFEST_FORMAT });
  check.integer(value["hostApi"], ["hostApi"], { min: HOST_API, max: HOST_API });
  return {
    format: MANIFEST_FORMAT,
    hostApi: HOST_API,
    name: check.text(value["name"], ["name"]) ?? "",
    version: check.text(value["version"], ["version"]) ?? "",
    description: check.text(value["description"], ["description"]) ?? "",
    env: readTexts(value["env"], ["env"], check),
    workflows: readEach(value["workflows"], ["workflows"], check, readWorkflow),
    files: readEach(value["files"], ["files"], check, readFile),
    fingerprint: readFingerprint(value["fingerprint"], check),
  };
}

function readEach<T>(
  value: unknown,
  path: Path,
  check: FieldCheck,
  read: (value: unknown, path: Path, check: FieldCheck) => T,
): T[] {
  return (check.list(value, path) ?? []).map((item, index) => read(item, [...path, index], check));
}

function readTexts(value: unknown, path: Path, check: FieldCheck): string[] {
  return readEach(value, path, check, (item, place) => check.text(item, place) ?? "");
}

function readWorkflow(value: unknown, path: Path, check: FieldCheck): WorkflowDefinition {
  const keys = [
    "name",
    "description",
    "params",
    "timeoutMs",
    "concurrency",
    "record",
    "logStart",
    "schedules",
    "tasks",
  ];
  const fields = check.object(value, path, keys) ?? {};
  const at = (key: string) => [...path, key];
  const params = fields["params"];
  if (params !== null && typeof params !== "boolean") readMap(params, at("params"), check, () => undefined);
  return {
    name: check.text(fields["name"], at("name")) ?? "",
    description: check.text(fields["description"], at("description")) ?? "",
    params: params as JsonSchema | null,
    timeoutMs: readLimit(fields["timeoutMs"], at("timeoutMs"), check, { ...MILLISECONDS, min: 1 }),
    concurrency: readLimit(fields["concurrency"], at("concurrency"), check, bounds.concurrency),
    ...(readMark(fields["record"], at("record"), check) ? { record: true } : {}),
    ...(readMark(fields["logStart"], at("logStart"), check) ? { logStart: true } : {}),
    schedules: readEach(fields["schedules"], at("schedules"), check, readSchedule),
    tasks: readEach(fields["tasks"], at("tasks"), check, readTask),
  };
}

/** What is absent where it is not true, so that it leaves the digests of all others alone. */
function readMark(value: unknown, path: Path, check: FieldCheck): boolean {
  if (value === undefined) return false;
  if (value !== true) check.report("FIELD_INVALID", path, `${path.at(-1)} must be true or absent`);
  return true;
}

function readLimit(value: unknown, path: Path, check: FieldCheck, range: { min: number; max: number }): number | null {
  return value === null ? null : (check.integer(value, path, range) ?? null);
}

function readSchedule(value: unknown, path: Path, check: FieldCheck): ScheduleDefinition {
  const fields = check.object(value, path, ["name", "cron", "timezone", "params", "catchUp", "overlap"]) ?? {};
  const at = (key: string) => [...path, key];
  const catchUp = check.object(fields["catchUp"], at("catchUp"), ["kind", "max"]) ?? {};
  if (fields["params"] === undefined) check.report("FIELD_INVALID", at("params"), "params must be JSON, not missing");
  return {
    name: check.text(fields["name"], at("name")) ?? "",
    cron: check.text(fields["cron"], at("cron")) ?? "",
    timezone: fields["timezone"] === null ? null : (check.text(fields["timezone"], at("timezone")) ?? null),
    params: fields["params"] as Json,
    catchUp: {
      kind: check.oneOf(catchUp["kind"], [...path, "catchUp", "kind"], catchUpKinds) ?? "skip",
      max: check.integer(catchUp["max"], [...path, "catchUp", "max"], bounds.catchUp) ?? 1,
    },
    overlap: check.oneOf(fields["overlap"], at("overlap"), overlapKinds) ?? "skip",
  };
}

function readTask(value: unknown, path: Path, check: FieldCheck): TaskDefinition {
  const keys = [
    "name",
    "after",
    "retry",
    "timeoutMs",
    "concurrency",
    "isolation",
    "onInterrupted",
    "effects",
    "command",
  ];
  const fields = check.object(value, path, keys) ?? {};
  const at = (key: string) => [...path, key];
  const retry =
    check.object(fields["retry"], at("retry"), ["attempts", "backoff", "delayMs", "maxDelayMs", "jitter"]) ?? {};
  const inRetry = (key: string) => [...path, "retry", key];
  return {
    name: check.text(fields["name"], at("name")) ?? "",
    after: readTexts(fields["after"], at("after"), check),
    retry: {
      attempts: check.integer(retry["attempts"], inRetry("attempts"), bounds.attempts) ?? 1,
      backoff: check.oneOf(retry["backoff"], inRetry("backoff"), backoffKinds) ?? "fixed",
      delayMs: check.integer(retry["delayMs"], inRetry("delayMs"), MILLISECONDS) ?? 0,
      maxDelayMs: check.integer(retry["maxDelayMs"], inRetry("maxDelayMs"), MILLISECONDS) ?? 0,
      jitter: check.number(retry["jitter"], inRetry("jitter"), bounds.jitter) ?? 0,
    },
    timeoutMs: readLimit(fields["timeoutMs"], at("timeoutMs"), check, { ...MILLISECONDS, min: 1 }),
    concurrency: readLimit(fields["concurrency"], at("concurrency"), check, bounds.concurrency),
    isolation: check.oneOf(fields["isolation"], at("isolation"), isolationKinds) ?? "shared",
    onInterrupted: check.oneOf(fields["onInterrupted"], at("onInterrupted"), onInterruptedKinds) ?? "retry",
    ...(fields["effects"] === undefined
      ? {}
      : { effects: check.oneOf(fields["effects"], at("effects"), effectsKinds) ?? "recorded" }),
    command: fields["command"] === null ? null : readCommand(fields["command"], at("command"), check),
  };
}

function readCommand(value: unknown, path: Path, check: FieldCheck): Command {
  const fields = check.object(value, path, ["run", "env"]) ?? {};
  const env = readMap(fields["env"], [...path, "env"], check, (item, place) => check.text(item, place) ?? "");
  for (const name of Object.keys(env)) {
    if (!isEnvironmentName(name)) check.report("FIELD_INVALID", [...path, "env", name], environmentNameMistake(name));
  }
  return { run: check.text(fields["run"], [...path, "run"]) ?? "", env };
}

function readMap<T>(
  value: unknown,
  path: Path,
  check: FieldCheck,
  read: (value: unknown, path: Path) => T,
): Record<string, T> {
  const fields = check.map(value, path) ?? {};
  return Object.fromEntries(Object.entries(fields).map(([key, member]) => [key, read(member, [...path, key])]));
}

function readDigest(value: unknown, path: Path, check: FieldCheck): string {
  const text = check.text(value, path);
  if (text !== undefined && !isDigest(text))
    check.report("FIELD_INVALID", path, "not a SHA-256 digest in lower-case hex");
  return text ?? "";
}

function readFile(value: unknown, path: Path, check: FieldCheck): PackageFile {
  const fields = check.object(value, path, ["path", "sha256", "size", "mode"]) ?? {};
  const mode = check.integer(fields["mode"], [...path, "mode"], SAFE_INTEGER) ?? 0;
  if (mode !== 0o644 && mode !== 0o755) {
    check.report("FIELD_INVALID", [...path, "mode"], `mode must be ${0o644} or ${0o755}, not ${mode}`);
  }
  return {
    path: check.text(fields["path"], [...path, "path"]) ?? "",
    sha256: readDigest(fields["sha256"], [...path, "sha256"], check),
    size: check.integer(fields["size"], [...path, "size"], SAFE_INTEGER) ?? 0,
    mode,
  };
}

function readFingerprint(value: unknown, check: FieldCheck): Fingerprint {
  const later = ["schema", "schemas", "sources", "sdk"] as const;
  const keys = ["structure", "policies", "triggers", "shared", "tasks", "assets", "environment", "runtime"];
  const fields = check.object(value, ["fingerprint"], [...keys, ...later]) ?? {};
  const [hasSchema, hasSchemas, hasSources, hasSdk] = later.map((key) => Object.hasOwn(fields, key));
  const one = (key: string) => readDigest(fields[key], ["fingerprint", key], check);
  const many = (key: string) =>
    readMap(fields[key], ["fingerprint", key], check, (item, path) => readDigest(item, path, check));
  return {
    structure: one("structure"),
    policies: one("policies"),
    triggers: one("triggers"),
    ...(hasSchema ? { schema: one("schema") } : {}),
    ...(hasSchemas ? { schemas: many("schemas") } : {}),
    shared: one("shared"),
    ...(hasSources ? { sources: many("sources") } : {}),
    ...(hasSdk ? { sdk: one("sdk") } : {}),
    tasks: many("tasks"),
    assets: many("assets"),
    environment: one("environment"),
    runtime: one("runtime"),
  };
}
