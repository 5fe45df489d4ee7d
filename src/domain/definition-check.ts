import { errorView } from "../kernel/errors.ts";
import type { Json } from "../kernel/json.ts";
import { nearestName } from "../kernel/nearest.ts";
import { declaredParams, undeclaredParams } from "./declared-params.ts";
import type { FieldCheck, Path } from "./field-check.ts";
import { findCycle, graphOf } from "./graph.ts";
import {
  type JsonSchema,
  NAME_PATTERN,
  type ScheduleDefinition,
  type TaskDefinition,
  type WorkflowDefinition,
} from "./workflow.ts";

/** What a definition is checked against beside itself. A calendar has the first two. */
export interface DefinitionRules {
  /** Throws a coded error for what is not a rule, else returns its normalised text. */
  checkCron(cron: string): string;
  /** Throws a coded error for what is no zone. */
  checkTimezone(name: string): void;
  /** Why a value cannot serve as a JSON Schema; undefined when it can. */
  schemaMistake(schema: JsonSchema): string | undefined;
  /** What is wrong with params by a schema, each with its place; empty when nothing is. */
  paramsMistakes(schema: JsonSchema, params: Json): readonly string[];
}

/** The name of a schedule whose author gave it none. */
export function defaultScheduleName(cron: string, timezone: string | null): string {
  return timezone === null ? cron : `${cron} ${timezone}`;
}

/** A rule that lists all minutes, hours and days takes about 400 characters. */
const CRON_MAX = 1_000;

/** Guesses are for people, who make few mistakes; each costs in proportion to all names. */
const GUESSES_MAX = 10;

/**
 * Reports whatever keeps a definition of the right shape from running: names, graph, schedules, params schema.
 * Paths are those of the definition, under `base`.
 */
export function checkDefinition(
  definition: WorkflowDefinition,
  rules: DefinitionRules,
  check: FieldCheck,
  base: Path = [],
): void {
  checkDefinitionForm(definition, check, base);
  checkDefinitionRules(definition, rules, check, base);
}

/** The part that takes time in proportion to the definition: names and the graph. */
export function checkDefinitionForm(definition: WorkflowDefinition, check: FieldCheck, base: Path): void {
  checkName("workflow", definition.name, [...base, "name"], check);
  checkTasks(definition, check, base);
  checkScheduleNames(definition.schedules, check, [...base, "schedules"]);
}

/** The part that computes with what the author wrote: schema, rules in time, and their params. */
export function checkDefinitionRules(
  definition: WorkflowDefinition,
  rules: DefinitionRules,
  check: FieldCheck,
  base: Path,
): void {
  const schema = checkSchema(definition.params, rules, check, [...base, "params"]);
  const declared = declaredParams(schema);
  for (const [index, schedule] of definition.schedules.entries()) {
    const path = [...base, "schedules", index];
    checkRule(schedule, rules, check, path);
    for (const { name, message } of undeclaredParams(declared, schedule.params)) {
      const place = [...path, "params", name];
      check.report("SCHEDULE_PARAMS_INVALID", place, `in the params of schedule "${schedule.name}", ${message}`);
    }
    if (schema === null) continue;
    for (const mistake of rules.paramsMistakes(schema, schedule.params)) {
      check.report(
        "SCHEDULE_PARAMS_INVALID",
        [...path, "params"],
        `the params of schedule "${schedule.name}" do not satisfy the schema: ${mistake}`,
      );
    }
  }
}

export function checkName(kind: string, name: string, path: Path, check: FieldCheck): void {
  if (!NAME_PATTERN.test(name)) {
    check.report("NAME_INVALID", path, `${JSON.stringify(name.slice(0, 80))} cannot be the name of a ${kind}`);
  }
}

/** The schema if it can be used, so that one mistake in it is not reported once per schedule. */
function checkSchema(
  schema: JsonSchema | null,
  rules: DefinitionRules,
  check: FieldCheck,
  path: Path,
): JsonSchema | null {
  const mistake = schema === null ? undefined : rules.schemaMistake(schema);
  if (mistake === undefined) return schema;
  check.report("PARAMS_SCHEMA_UNSUPPORTED", path, `params is not a usable JSON Schema: ${mistake}`);
  return null;
}

function checkTasks({ name, tasks, record }: WorkflowDefinition, check: FieldCheck, base: Path): void {
  if (tasks.length === 0) check.report("WORKFLOW_EMPTY", [...base, "tasks"], `workflow "${name}" has no task`);
  const names = new Set<string>();
  for (const [index, task] of tasks.entries()) {
    const path = [...base, "tasks", index];
    checkName("task", task.name, [...path, "name"], check);
    if (names.has(task.name)) {
      check.report("TASK_REPEATED", [...path, "name"], `workflow "${name}" has two tasks named "${task.name}"`);
    }
    names.add(task.name);
    if (task.effects !== undefined && record !== true) {
      check.report(
        "FIELD_INVALID",
        [...path, "effects"],
        `effects means something only with record: true on "${name}"`,
      );
    }
  }
  for (const [index, task] of tasks.entries()) {
    checkUpstream(name, task, names, check, [...base, "tasks", index, "after"]);
  }
  const cycle = findCycle(graphOf(tasks));
  if (cycle) {
    const index = tasks.findIndex((task) => task.name === cycle[1]);
    check.report(
      "GRAPH_CYCLE",
      [...base, "tasks", index, "after"],
      `the tasks of "${name}" wait for each other: ${cycle.join(" → ")}`,
    );
  }
}

function checkUpstream(
  workflow: string,
  task: TaskDefinition,
  names: ReadonlySet<string>,
  check: FieldCheck,
  path: Path,
): void {
  const seen = new Set<string>();
  for (const [index, upstream] of task.after.entries()) {
    if (!names.has(upstream)) {
      const nearest = check.problems.length < GUESSES_MAX ? nearestName(upstream, names) : undefined;
      const guess = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
      check.report(
        "TASK_UNKNOWN",
        [...path, index],
        `task "${task.name}" comes after "${upstream}", which is no task of "${workflow}"${guess}`,
      );
    } else if (seen.has(upstream)) {
      check.report("TASK_REPEATED", [...path, index], `task "${task.name}" names "${upstream}" twice in \`after\``);
    }
    seen.add(upstream);
  }
}

function checkScheduleNames(schedules: readonly ScheduleDefinition[], check: FieldCheck, base: Path): void {
  const names = new Set<string>();
  for (const [index, { name, cron, timezone }] of schedules.entries()) {
    const path = [...base, index, "name"];
    if (name !== defaultScheduleName(cron, timezone)) checkName("schedule", name, path, check);
    if (names.has(name)) check.report("SCHEDULE_REPEATED", path, `there are two schedules named "${name}"`);
    names.add(name);
  }
}

function checkRule({ cron, timezone }: ScheduleDefinition, rules: DefinitionRules, check: FieldCheck, path: Path) {
  if (cron.length > CRON_MAX) {
    return check.report(
      "CRON_INVALID",
      [...path, "cron"],
      `a rule of ${cron.length} characters; the limit is ${CRON_MAX}`,
    );
  }
  const failed = (code: "CRON_INVALID" | "TIMEZONE_UNKNOWN", field: string, error: unknown) => {
    const { message, hint } = errorView(error);
    check.report(code, [...path, field], message, hint);
  };
  try {
    const normalised = rules.checkCron(cron);
    if (normalised !== cron)
      check.report("CRON_INVALID", [...path, "cron"], `"${cron}" is not written as "${normalised}"`);
  } catch (error) {
    failed("CRON_INVALID", "cron", error);
  }
  try {
    if (timezone !== null) rules.checkTimezone(timezone);
  } catch (error) {
    failed("TIMEZONE_UNKNOWN", "timezone", error);
  }
}
