import { errorView } from "../kernel/errors.ts";
import type { Json } from "../kernel/json.ts";
import { nearestName } from "../kernel/nearest.ts";
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
  isTimezone(name: string): boolean;
  /** Why a value cannot serve as a JSON Schema; undefined when it can. */
  schemaMistake(schema: JsonSchema): string | undefined;
  /** What is wrong with params by a schema, each with its place; empty when nothing is. */
  paramsMistakes(schema: JsonSchema, params: Json): readonly string[];
}

/** The name of a schedule whose author gave it none. */
export function defaultScheduleName(cron: string, timezone: string | null): string {
  return timezone === null ? cron : `${cron} ${timezone}`;
}

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
  checkName("workflow", definition.name, [...base, "name"], check);
  const schema = checkSchema(definition.params, rules, check, [...base, "params"]);
  checkTasks(definition, check, base);
  checkSchedules(definition.schedules, schema, rules, check, [...base, "schedules"]);
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
      const nearest = nearestName(upstream, names);
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

function checkSchedules(
  schedules: readonly ScheduleDefinition[],
  schema: JsonSchema | null,
  rules: DefinitionRules,
  check: FieldCheck,
  base: Path,
): void {
  const names = new Set<string>();
  for (const [index, schedule] of schedules.entries()) {
    const path = [...base, index];
    checkRule(schedule, rules, check, path);
    if (schedule.name !== defaultScheduleName(schedule.cron, schedule.timezone)) {
      checkName("schedule", schedule.name, [...path, "name"], check);
    }
    if (names.has(schedule.name)) {
      check.report("SCHEDULE_REPEATED", [...path, "name"], `there are two schedules named "${schedule.name}"`);
    }
    names.add(schedule.name);
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

function checkRule({ cron, timezone }: ScheduleDefinition, rules: DefinitionRules, check: FieldCheck, path: Path) {
  try {
    const normalised = rules.checkCron(cron);
    if (normalised !== cron)
      check.report("CRON_INVALID", [...path, "cron"], `"${cron}" is not written as "${normalised}"`);
  } catch (error) {
    check.report("CRON_INVALID", [...path, "cron"], errorView(error).message);
  }
  if (timezone !== null && !rules.isTimezone(timezone)) {
    check.report("TIMEZONE_UNKNOWN", [...path, "timezone"], `there is no time zone "${timezone}"`);
  }
}
