import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readAuthoredDefinition } from "../../domain/authored-definition.ts";
import { checkDefinition, type DefinitionRules } from "../../domain/definition-check.ts";
import { createFieldCheck, formatPath, type Path } from "../../domain/field-check.ts";
import { workflowId, type WorkflowDefinition } from "../../domain/workflow.ts";
import { type Problem, problem } from "../../kernel/errors.ts";
import { type Bundle, bundleEntry, type BundleSurroundings } from "./bundle.ts";
import { type CodeParts, codePartsOf, noCode } from "./code-parts.ts";
import { describeBundle, type Describer } from "./describe.ts";
import type { DescribedWorkflow } from "./described.ts";
import type { PackageFolder } from "./package-folder.ts";
import { readYamlWorkflows } from "./yaml-workflows.ts";

/** The workflows of an entry. They count only if there is no problem. */
export interface EntryReading {
  workflows: readonly WorkflowDefinition[];
  /** Null for a YAML entry. */
  bundle: Bundle | null;
  /** `workflow/task` → the text of the task's function. */
  functions: ReadonlyMap<string, string>;
  /** What the bundle holds beside them. */
  parts: CodeParts;
  problems: readonly Problem[];
}

export type EntryReader = Describer & BundleSurroundings & { rules: DefinitionRules };

export function readWorkflows(
  folder: string,
  entry: NonNullable<PackageFolder["entry"]>,
  reader: EntryReader,
): Promise<EntryReading> {
  switch (entry.kind) {
    case "yaml":
      return readYamlEntry(folder, entry.path, reader.rules);
    case "code":
      return readCodeEntry(folder, entry.path, reader);
  }
}

async function readYamlEntry(folder: string, entry: string, rules: DefinitionRules): Promise<EntryReading> {
  const { workflows: written, problems } = readYamlWorkflows(entry, await readFile(join(folder, entry), "utf8"));
  const readings = written.map(({ value, placeOf }) => {
    const check = createFieldCheck(placeOf);
    const definition = readAuthoredDefinition(value, "command", rules, check);
    if (definition) checkDefinition(definition, rules, check);
    return { definition, problems: check.problems };
  });
  return {
    workflows: readings.flatMap(({ definition }) => definition ?? []),
    bundle: null,
    functions: new Map(),
    parts: noCode,
    problems: [...problems, ...readings.flatMap((reading) => reading.problems), ...noneOf(entry, written, problems)],
  };
}

async function readCodeEntry(folder: string, entry: string, reader: EntryReader): Promise<EntryReading> {
  const nothing = { workflows: [], bundle: null, functions: new Map<string, string>(), parts: noCode };
  const bundled = await bundleEntry(folder, entry, reader);
  if ("problems" in bundled) return { ...nothing, problems: bundled.problems };
  const description = await describeBundle(bundled.bundle, entry, reader);
  if ("failure" in description) {
    const { place, message } = description.failure;
    return { ...nothing, problems: [problem("PACK_DESCRIBE_FAILED", place, message)] };
  }
  const readings = description.workflows.map((described) => readDescribed(described, reader.rules));
  return {
    workflows: readings.flatMap(({ definition }) => definition ?? []),
    bundle: bundled.bundle,
    functions: new Map(readings.flatMap(({ functions }) => functions)),
    parts: await codePartsOf(bundled.bundle, description),
    problems: [...readings.flatMap(({ problems }) => problems), ...noneOf(entry, readings, [])],
  };
}

function noneOf(entry: string, workflows: readonly unknown[], problems: readonly Problem[]): Problem[] {
  if (workflows.length > 0 || problems.length > 0) return [];
  return [problem("PACK_NO_WORKFLOW", entry, `${entry} has no workflow`)];
}

function readDescribed(described: DescribedWorkflow, rules: DefinitionRules) {
  const { value, functions, place, schemaMistake } = described;
  const check = createFieldCheck((path) => placeInSource(described, path));
  if (schemaMistake !== null) {
    check.report("PARAMS_SCHEMA_UNSUPPORTED", ["params"], `params have no JSON Schema: ${schemaMistake}`);
  }
  const definition = readAuthoredDefinition(value, "function", rules, check);
  if (definition) checkDefinition(definition, rules, check);
  const texts: [string, string][] = [];
  for (const [index, described] of functions.entries()) {
    const name = definition?.tasks[index]?.name ?? String(index);
    if (described !== null) texts.push([workflowId(definition?.name ?? place, name), described.text]);
    else check.report("FIELD_INVALID", ["tasks", index], `task "${name}" has no function`);
  }
  return { definition, functions: texts, problems: check.problems };
}

/** `workflow.ts:12:4 timeout`: the line of the call that wrote the field down, and the field. */
function placeInSource({ place, taskPlaces, rulePlaces }: DescribedWorkflow, path: Path): string {
  const [first, index, ...rest] = path;
  const places = first === "tasks" ? taskPlaces : first === "schedules" ? rulePlaces : undefined;
  const nearest = typeof index === "number" ? places?.[index] : undefined;
  return `${nearest ?? place} ${formatPath(nearest === undefined ? path : rest)}`.trimEnd();
}
