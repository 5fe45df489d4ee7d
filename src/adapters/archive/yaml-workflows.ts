import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, type YAMLMap } from "yaml";
import type { Path } from "../../domain/field-check.ts";
import { type Problem, problem, toCascadeError } from "../../kernel/errors.ts";

/** A workflow as it was written, with the way back to its lines. */
export interface WrittenWorkflow {
  value: unknown;
  placeOf(path: Path): string;
}

/**
 * Reads the documents of a YAML entry, each one a workflow whose `tasks` is a map from name to task. The value has them as
 * a list with names, as `readAuthoredDefinition` takes it, and places are `file:line:column`.
 */
export function readYamlWorkflows(
  file: string,
  text: string,
): { workflows: readonly WrittenWorkflow[]; problems: readonly Problem[] } {
  const lines = new LineCounter();
  const problems: Problem[] = [];
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  // Repeated keys are looked for below: a repeated task has a code of its own.
  const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
  const workflows: WrittenWorkflow[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    for (const error of [...document.errors, ...document.warnings]) {
      problems.push(problem("YAML_INVALID", placeAt(error.pos[0]), error.message));
    }
    if (document.errors.length > 0 || document.contents === null) continue;
    for (const { key, inTasks, offset } of repeatedKeys(document)) {
      const code = inTasks ? "TASK_REPEATED" : "YAML_INVALID";
      const message = inTasks ? `there are two tasks named "${key}"` : `the key "${key}" is there twice`;
      problems.push(problem(code, placeAt(offset), message));
    }
    const names = taskNames(document);
    try {
      workflows.push({
        value: valueOf(document),
        placeOf: (path) => placeAt(offsetOf(document, yamlPath(path, names))),
      });
    } catch (error) {
      problems.push(problem("YAML_INVALID", placeAt(document.range[0]), toCascadeError(error).message));
    }
  }
  return { workflows, problems };
}

function tasksOf(document: Document): YAMLMap | undefined {
  const tasks = isMap(document.contents) ? document.contents.get("tasks", true) : undefined;
  return isMap(tasks) ? tasks : undefined;
}

function taskNames(document: Document): string[] {
  return (tasksOf(document)?.items ?? []).map((pair) => keyText(pair.key));
}

function keyText(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}

/** The document as plain data: environment values as they were written, `tasks` as a list. */
function valueOf(document: Document): unknown {
  const tasks = tasksOf(document);
  for (const pair of tasks?.items ?? []) {
    const env = isMap(pair.value) ? pair.value.get("env", true) : undefined;
    for (const { value } of isMap(env) ? env.items : []) {
      if (isScalar(value) && typeof value.value !== "string") value.value = value.value === null ? "" : value.source;
    }
  }
  const value: unknown = document.toJS();
  if (typeof value !== "object" || value === null || tasks === undefined) return value;
  const list = tasks.items.map((pair) => {
    const task: unknown = (pair.value as Node | null)?.toJS(document);
    return typeof task === "object" && task !== null && !Array.isArray(task)
      ? { ...task, name: keyText(pair.key) }
      : (task ?? {});
  });
  return { ...value, tasks: list };
}

/** From the path in a definition to the one in the document. */
function yamlPath(path: Path, names: readonly string[]): Path {
  const [first, second, ...rest] = path;
  if (first === "schedules") return ["on", ...path.slice(1)];
  if (first !== "tasks" || typeof second !== "number") return path;
  return ["tasks", names[second] ?? "", ...(rest[0] === "name" ? [] : rest)];
}

/** Where the path leads, or the nearest part of it that is there. */
function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.findLast((item) => keyText(item.key) === String(part));
      if (pair === undefined) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof part === "number") {
      node = node.items[part];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else if (part !== 0) break;
  }
  return offset;
}

function repeatedKeys(document: Document): { key: string; inTasks: boolean; offset: number }[] {
  const found: { key: string; inTasks: boolean; offset: number }[] = [];
  const tasks = tasksOf(document);
  const visit = (node: unknown): void => {
    if (isSeq(node)) node.items.forEach(visit);
    if (!isMap(node)) return;
    const seen = new Set<string>();
    for (const pair of node.items) {
      const key = keyText(pair.key);
      const offset = (pair.key as Node | null)?.range?.[0] ?? 0;
      if (seen.has(key)) found.push({ key, inTasks: node === tasks, offset });
      seen.add(key);
      visit(pair.value);
    }
  };
  visit(document.contents);
  return found;
}
