import { parseDuration } from "../kernel/duration.ts";
import { isJsonObject, type Json } from "../kernel/json.ts";
import { type DefinitionRules, defaultScheduleName } from "./definition-check.ts";
import { describeValue, type FieldCheck, NOT_JSON, type Path } from "./field-check.ts";
import {
  backoffKinds,
  type CatchUp,
  catchUpKinds,
  type Command,
  effectsKinds,
  isolationKinds,
  type JsonSchema,
  noRetry,
  onInterruptedKinds,
  overlapKinds,
  type RetryPolicy,
  retryDefaults,
  type ScheduleDefinition,
  type TaskDefinition,
  type WorkflowDefinition,
} from "./workflow.ts";

/** How a task does its work: a function of the bundle, or a shell command of a YAML workflow. */
export type TaskKind = "function" | "command";

/** The bounds of a retry policy and of limits, wherever they are written. */
export const bounds = {
  attempts: { min: 1, max: 1_000 },
  concurrency: { min: 1, max: 100_000 },
  jitter: { min: 0, max: 1 },
  catchUp: { min: 1, max: 10_000 },
} as const;

/** `catchUp: "all"` runs so many of the missed firings. */
const CATCH_UP_ALL_MAX = 10;

const commonKeys = ["name", "description", "params", "timeout", "concurrency", "logStart", "on", "tasks"];
/** What a command reads is its own affair: it cannot be recorded. */
const workflowKeys = { function: [...commonKeys, "record"], command: commonKeys } as const;
const taskKeys = {
  function: ["name", "after", "retry", "timeout", "concurrency", "isolation", "onInterrupted", "effects"],
  command: ["name", "after", "run", "env", "retry", "timeout", "concurrency", "onInterrupted"],
} as const;
/** What other schedulers call these keys. */
const workflowWords = {
  ...{ steps: "tasks", jobs: "tasks", stages: "tasks" },
  ...{ schedule: "on", schedules: "on", trigger: "on", triggers: "on" },
  ...{ parameters: "params", inputs: "params" },
};

/** How a key of a workflow may be written: as it is called, and as others call it, which is a mistake that can be read. */
export function spellingsOf(key: string): string[] {
  return [key, ...Object.entries(workflowWords).flatMap(([word, meant]) => (meant === key ? [word] : []))];
}

const taskWords = {
  ...{ command: "run", cmd: "run", script: "run", exec: "run", shell: "run" },
  ...{
    depends: "after",
    depends_on: "after",
    dependsOn: "after",
    dependencies: "after",
    needs: "after",
    requires: "after",
  },
  ...{ retries: "retry", environment: "env" },
};
const retryWords = {
  ...{ count: "attempts", limit: "attempts", max: "attempts", max_attempts: "attempts", maxAttempts: "attempts" },
  ...{ wait: "delay", interval: "delay" },
};
const ruleWords = { schedule: "cron", expression: "cron", tz: "timezone", timeZone: "timezone", zone: "timezone" };
const retryKeys = ["attempts", "backoff", "delay", "maxDelay", "jitter"];
const ruleKeys = ["cron", "timezone", "catchUp", "overlap", "params", "name"];

/**
 * Reads a workflow as people write it: durations as text, defaults left out, one rule or a list of them.
 * A field that is wrong is reported and takes its default, so that the rest can be checked too; the result counts only if
 * nothing was reported. Undefined when the value is no workflow at all.
 */
export function readAuthoredDefinition(
  value: unknown,
  kind: TaskKind,
  rules: Pick<DefinitionRules, "checkCron">,
  check: FieldCheck,
): WorkflowDefinition | undefined {
  const fields = check.object(value, [], workflowKeys[kind], workflowWords);
  if (!fields) return undefined;
  const tasks = readTaskList(fields["tasks"], kind, check);
  return {
    name: check.text(fields["name"], ["name"]) ?? "",
    description: given(fields["description"], (it) => check.text(it, ["description"])) ?? "",
    params: given(fields["params"], (it) => readSchema(it, check)) ?? null,
    timeoutMs: given(fields["timeout"], (it) => readDuration(it, ["timeout"], check, 1)) ?? null,
    concurrency: given(fields["concurrency"], (it) => check.integer(it, ["concurrency"], bounds.concurrency)) ?? null,
    ...(given(fields["record"], (it) => readFlag(it, ["record"], check)) ? { record: true } : {}),
    ...(given(fields["logStart"], (it) => readFlag(it, ["logStart"], check)) ? { logStart: true } : {}),
    schedules: readRules(fields["on"], rules, check),
    tasks: tasks.flatMap((task, index) => readTask(task, kind, check, ["tasks", index]) ?? []),
  };
}

function readTaskList(value: unknown, kind: TaskKind, check: FieldCheck): readonly unknown[] {
  if (kind === "function" || Array.isArray(value)) return check.list(value, ["tasks"]) ?? [];
  const message = `tasks must be a map of names to tasks, not ${describeValue(value)}`;
  check.report("FIELD_INVALID", ["tasks"], message, "For example: tasks: { dump: { run: pg_dump shop } }");
  return [];
}

function given<T>(value: unknown, read: (value: unknown) => T | undefined): T | undefined {
  return value === undefined ? undefined : read(value);
}

function readFlag(value: unknown, path: Path, check: FieldCheck): boolean | undefined {
  if (typeof value === "boolean") return value;
  check.report("FIELD_INVALID", path, `${path.at(-1)} must be true or false, not ${describeValue(value)}`);
  return undefined;
}

function readSchema(value: unknown, check: FieldCheck): JsonSchema | undefined {
  if (typeof value === "boolean" || (isJsonObject(value) && !(NOT_JSON in value))) return value as JsonSchema;
  check.report("PARAMS_SCHEMA_UNSUPPORTED", ["params"], `params must be a schema, not ${describeValue(value)}`);
  return undefined;
}

function readDuration(value: unknown, path: Path, check: FieldCheck, minMs: number): number | undefined {
  const ms = typeof value === "string" ? parseDuration(value) : undefined;
  if (ms !== undefined && ms >= minMs) return ms;
  check.report("DURATION_INVALID", path, `${path.at(-1)} is ${describeValue(value)}, which is not a duration`);
  return undefined;
}

function readTask(value: unknown, kind: TaskKind, check: FieldCheck, path: Path): TaskDefinition | undefined {
  const fields = check.object(value, path, taskKeys[kind], taskWords);
  if (!fields) return undefined;
  const at = (key: string) => [...path, key];
  const effects = given(fields["effects"], (it) => check.oneOf(it, at("effects"), effectsKinds));
  return {
    name: check.text(fields["name"], at("name")) ?? "",
    after: given(fields["after"], (it) => readAfter(it, check, at("after"))) ?? [],
    retry: given(fields["retry"], (it) => readRetry(it, check, at("retry"))) ?? noRetry,
    timeoutMs: given(fields["timeout"], (it) => readDuration(it, at("timeout"), check, 1)) ?? null,
    concurrency: given(fields["concurrency"], (it) => check.integer(it, at("concurrency"), bounds.concurrency)) ?? null,
    isolation: given(fields["isolation"], (it) => check.oneOf(it, at("isolation"), isolationKinds)) ?? "shared",
    onInterrupted:
      given(fields["onInterrupted"], (it) => check.oneOf(it, at("onInterrupted"), onInterruptedKinds)) ?? "retry",
    ...(effects === undefined ? {} : { effects }),
    command: kind === "command" ? readCommand(fields, check, path) : null,
  };
}

function readAfter(value: unknown, check: FieldCheck, path: Path): string[] {
  if (typeof value === "string") return [value];
  return (check.list(value, path) ?? []).flatMap((name, index) => check.text(name, [...path, index]) ?? []);
}

function readRetry(value: unknown, check: FieldCheck, path: Path): RetryPolicy | undefined {
  if (typeof value === "number") {
    const meant = Number.isInteger(value) && value > 0 ? value : 3;
    const message = `retry must be an object, not ${value}`;
    check.report("FIELD_INVALID", path, message, `Write retry: { attempts: ${meant} }; the first attempt counts.`);
    return undefined;
  }
  const fields = check.object(value, path, retryKeys, retryWords);
  if (!fields) return undefined;
  const at = (key: string) => [...path, key];
  return {
    attempts: check.integer(fields["attempts"], at("attempts"), bounds.attempts) ?? noRetry.attempts,
    backoff: given(fields["backoff"], (it) => check.oneOf(it, at("backoff"), backoffKinds)) ?? retryDefaults.backoff,
    delayMs: given(fields["delay"], (it) => readDuration(it, at("delay"), check, 0)) ?? retryDefaults.delayMs,
    maxDelayMs:
      given(fields["maxDelay"], (it) => readDuration(it, at("maxDelay"), check, 0)) ?? retryDefaults.maxDelayMs,
    jitter: given(fields["jitter"], (it) => check.number(it, at("jitter"), bounds.jitter)) ?? retryDefaults.jitter,
  };
}

function readCommand(fields: Record<string, unknown>, check: FieldCheck, path: Path): Command {
  const run = check.text(fields["run"], [...path, "run"]);
  if (run?.trim() === "") check.report("FIELD_INVALID", [...path, "run"], "run must be a shell command, not empty");
  return { run: run ?? "", env: given(fields["env"], (it) => readEnv(it, check, [...path, "env"])) ?? {} };
}

function readEnv(value: unknown, check: FieldCheck, path: Path): Record<string, string> | undefined {
  if (!isJsonObject(value)) {
    check.report("FIELD_INVALID", path, `env must be a map of names to values, not ${describeValue(value)}`);
    return undefined;
  }
  // Built from entries: assigning a key named __proto__ would lose it.
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (!isEnvironmentName(name)) check.report("FIELD_INVALID", [...path, name], environmentNameMistake(name));
      return [name, check.text(member, [...path, name]) ?? ""];
    }),
  );
}

export function environmentNameMistake(name: string): string {
  return `"${name}" cannot be declared: it is no name of an environment variable, or one that Cascade sets itself`;
}

/** Names that Cascade does not set itself for each task. */
export function isEnvironmentName(name: string): boolean {
  return (
    /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name) &&
    !name.startsWith("CASCADE_") &&
    !["PATH", "HOME", "TMPDIR", "LANG", "TZ", "USER"].includes(name)
  );
}

function readRules(
  value: unknown,
  rules: Pick<DefinitionRules, "checkCron">,
  check: FieldCheck,
): readonly ScheduleDefinition[] {
  if (value === undefined) return [];
  const list = Array.isArray(value) ? (value as unknown[]) : [value];
  return list.flatMap((rule, index) => readRule(rule, rules, check, ["schedules", index]) ?? []);
}

function readRule(
  value: unknown,
  rules: Pick<DefinitionRules, "checkCron">,
  check: FieldCheck,
  path: Path,
): ScheduleDefinition | undefined {
  const fields = check.object(value, path, ruleKeys, ruleWords);
  if (!fields) return undefined;
  const at = (key: string) => [...path, key];
  const text = check.text(fields["cron"], at("cron"));
  if (text === undefined) return undefined;
  const cron = normalisedCron(text, rules);
  const timezone = given(fields["timezone"], (it) => check.text(it, at("timezone"))) ?? null;
  return {
    name: given(fields["name"], (it) => check.text(it, at("name"))) ?? defaultScheduleName(cron, timezone),
    cron,
    timezone,
    params: given(fields["params"], (it) => readJson(it, at("params"), check)) ?? {},
    catchUp: given(fields["catchUp"], (it) => readCatchUp(it, at("catchUp"), check)) ?? catchUp("latest"),
    overlap: given(fields["overlap"], (it) => check.oneOf(it, at("overlap"), overlapKinds)) ?? "skip",
  };
}

/** What is no rule stays as it was written, for `checkDefinition` to report. */
function normalisedCron(text: string, rules: Pick<DefinitionRules, "checkCron">): string {
  try {
    return rules.checkCron(text);
  } catch {
    return text;
  }
}

function catchUp(kind: CatchUp["kind"], max = CATCH_UP_ALL_MAX): CatchUp {
  return { kind, max };
}

function readCatchUp(value: unknown, path: Path, check: FieldCheck): CatchUp | undefined {
  if (isJsonObject(value) && !(NOT_JSON in value)) {
    const fields = check.object(value, path, ["all"]);
    const max = check.integer(fields?.["all"], [...path, "all"], bounds.catchUp);
    return max === undefined ? undefined : catchUp("all", max);
  }
  const kind = check.oneOf(value, path, catchUpKinds);
  return kind === undefined ? undefined : catchUp(kind);
}

function readJson(value: unknown, path: Path, check: FieldCheck): Json | undefined {
  const mark = findMark(value);
  if (mark === undefined) return value as Json;
  check.report("JSON_INVALID", path, `${path.at(-1)} must be JSON, but holds ${mark}`);
  return undefined;
}

function findMark(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (NOT_JSON in value) return String(value[NOT_JSON]);
  for (const member of Object.values(value)) {
    const mark = findMark(member);
    if (mark !== undefined) return mark;
  }
  return undefined;
}
