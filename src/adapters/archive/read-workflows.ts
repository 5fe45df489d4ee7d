import { readFileSync } from "node:fs";
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
import type { DescribedWorkflow, DescribeFailure } from "./described.ts";
import { readCommands } from "./read-commands.ts";
import { undeclaredNames } from "./environment-names.ts";
import { findDependency } from "./linked-dependencies.ts";
import type { PackageFolder } from "./package-folder.ts";

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
  warnings: readonly Problem[];
}

export type EntryReader = Describer & BundleSurroundings & { rules: DefinitionRules };

export type SourceWithEntry = PackageFolder & { entry: NonNullable<PackageFolder["entry"]> };

export function readWorkflows(folder: string, source: SourceWithEntry, reader: EntryReader): Promise<EntryReading> {
  switch (source.entry.kind) {
    case "yaml":
      return readYamlEntry(folder, source.entry.path, reader.rules);
    case "code":
      return readCodeEntry(folder, source, reader);
  }
}

async function readYamlEntry(folder: string, entry: string, rules: DefinitionRules): Promise<EntryReading> {
  const { workflows, problems } = readCommands(entry, await readFile(join(folder, entry), "utf8"), rules);
  return { workflows, bundle: null, functions: new Map(), parts: noCode, problems, warnings: [] };
}

async function readCodeEntry(
  folder: string,
  { entry: { path: entry }, external, env }: SourceWithEntry,
  reader: EntryReader,
): Promise<EntryReading> {
  const nothing = { workflows: [], bundle: null, functions: new Map<string, string>(), parts: noCode };
  const { bundle, problems, warnings, missing } = await bundleEntry({ folder, entry, external }, reader);
  if (bundle === null) return { ...nothing, problems, warnings };
  const description = await describeBundle(bundle, entry, reader);
  if ("failure" in description) {
    return { ...nothing, problems: [describeProblem(description.failure, missing, external)], warnings };
  }
  const zod = installedVersion(folder, "zod");
  const readings = description.workflows.map((described) => readDescribed(described, reader.rules, zod));
  return {
    workflows: readings.flatMap(({ definition }) => definition ?? []),
    bundle,
    functions: new Map(readings.flatMap(({ functions }) => functions)),
    parts: await codePartsOf(bundle, description),
    problems: [...readings.flatMap((reading) => reading.problems), ...noneOf(entry, readings, [])],
    warnings: [
      ...warnings,
      ...(await undeclaredNames(bundle.inputs, env)),
      ...description.forgotten.map(({ name, place }) =>
        problem("PACK_NO_WORKFLOW", place, `workflow "${name}" is not exported, so it is no part of the package`),
      ),
    ],
  };
}

function describeProblem(
  { message, place, missing, source }: DescribeFailure,
  absent: ReadonlyMap<string, Problem>,
  external: readonly string[],
): Problem {
  if (missing === undefined) {
    const isDependency = source?.startsWith("node_modules/") === true;
    return problem("PACK_DESCRIBE_FAILED", place, isDependency ? `${message} (in ${source})` : message);
  }
  const known = absent.get(missing);
  if (known) return { ...known, place };
  const isLeftOut = external.some((name) => missing === name || missing.startsWith(`${name}/`));
  return problem(
    "PACK_UNRESOLVED",
    place,
    `${source ?? "the package"} needs "${missing}" as soon as it is imported`,
    isLeftOut
      ? `\`cascade.external\` in package.json leaves "${missing}" out: import it where it is used, or take it off the list.`
      : `Import it by its name, so that it is packed, or load ${source ?? "what needs it"} inside of a task where it is used.`,
  );
}

function noneOf(entry: string, workflows: readonly unknown[], problems: readonly Problem[]): Problem[] {
  if (workflows.length > 0 || problems.length > 0) return [];
  return [problem("PACK_NO_WORKFLOW", entry, `${entry} has no workflow`)];
}

/** Of a dependency of the folder; undefined when there is none. */
function installedVersion(folder: string, name: string): string | undefined {
  const place = findDependency(folder, name);
  if (place === undefined) return undefined;
  try {
    const { version } = JSON.parse(readFileSync(join(place, "package.json"), "utf8")) as { version?: unknown };
    return typeof version === "string" ? version : undefined;
  } catch {
    return undefined; // It is named in a hint only.
  }
}

/** `zod` is the version that is installed in the package. */
function readDescribed(described: DescribedWorkflow, rules: DefinitionRules, zod: string | undefined) {
  const { value, functions, place, schemaMistake } = described;
  const check = createFieldCheck((path) => placeInSource(described, path));
  if (schemaMistake !== null) {
    const message = `params have no JSON Schema: ${schemaMistake}`;
    const isOldZod = zod !== undefined && Number.parseInt(zod, 10) < 4;
    if (isOldZod) {
      const hint = `Run \`npm install zod@4\` in the package folder, or \`npm uninstall zod\`: a package without one is given Cascade's.`;
      check.report("PARAMS_SCHEMA_UNSUPPORTED", ["params"], `${message}; zod ${zod} is installed`, hint);
    } else check.report("PARAMS_SCHEMA_UNSUPPORTED", ["params"], message);
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
