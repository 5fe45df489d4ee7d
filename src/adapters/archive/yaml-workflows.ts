import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type YAMLMap,
} from "yaml";
import { spellingsOf } from "../../domain/authored-definition.ts";
import { formatPath, type Path } from "../../domain/field-check.ts";
import { type Problem, problem, toCascadeError } from "../../kernel/errors.ts";

/** A workflow as it was written, with the way back to its lines. */
export interface WrittenWorkflow {
  value: unknown;
  placeOf(path: Path): string;
  /** The path as the author wrote it: tasks by their names, rules below `on`. */
  nameOf(path: Path): string;
}

/** More are no help to anybody, and a file may hold millions. */
const PROBLEMS_MAX = 100;

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
  // Repeated keys are looked for below, but for those of tasks: they are for the check of the definition to report.
  const documents = parse(text, lines);
  if ("mistake" in documents) return { workflows: [], problems: [problem("YAML_INVALID", file, documents.mistake)] };
  const workflows: WrittenWorkflow[] = [];
  for (const document of documents.documents) {
    const mistakes = [...document.errors, ...document.warnings].slice(0, PROBLEMS_MAX);
    const unquoted = unquotedValues(text, lines, document.errors.slice(0, PROBLEMS_MAX));
    problems.push(
      ...unquoted.map(({ offset, ...told }) => problem("YAML_INVALID", placeAt(offset), told.message, told.hint)),
    );
    // What one such value makes of the rest of the file is no mistake of its author.
    for (const error of unquoted.length > 0 ? [] : mistakes) {
      problems.push(problem("YAML_INVALID", placeAt(error.pos[0]), error.message));
    }
    if (document.errors.length > 0 || document.contents === null) continue;
    for (const { key, offset } of repeatedKeys(document)) {
      problems.push(problem("YAML_INVALID", placeAt(offset), `the key "${key}" is there twice`));
    }
    try {
      workflows.push({
        value: valueOf(document),
        placeOf: (path) => placeAt(offsetOf(document, path)),
        nameOf: (path) => authoredPath(document, path),
      });
    } catch (error) {
      problems.push(problem("YAML_INVALID", placeAt(document.range[0]), toCascadeError(error).message));
    }
  }
  return { workflows, problems };
}

/** `key: value` or `- value` on one line, whose value begins with a character that means something else to YAML. */
const UNQUOTED = /^(\s*(?:-\s+)*(?:[\w.-]+:\s+)?)([*@`%&!].*?)\s*$/;

/** The values at which these mistakes were found that begin with such a character, once each. */
function unquotedValues(
  text: string,
  lines: LineCounter,
  errors: readonly { pos: readonly [number, number] }[],
): { offset: number; message: string; hint: string }[] {
  const starts = new Set(errors.map(({ pos }) => lines.lineStarts[lines.linePos(pos[0]).line - 1] ?? 0));
  return [...starts].flatMap((start) => {
    const [, before, value] = UNQUOTED.exec(text.slice(start).split("\n", 1)[0]!) ?? [];
    if (before === undefined || value === undefined) return [];
    const message = `a value that begins with ${value[0]} has to be quoted`;
    return [{ offset: start + before.length, message, hint: `Write ${before.trim()} ${JSON.stringify(value)}` }];
  });
}

function parse(
  text: string,
  lineCounter: LineCounter,
): { documents: readonly Document.Parsed[] } | { mistake: string } {
  try {
    const documents = parseAllDocuments(text, { lineCounter, uniqueKeys: false, prettyErrors: false });
    return { documents: Array.isArray(documents) ? documents : [] };
  } catch (error) {
    if (error instanceof RangeError) return { mistake: "it is nested too deep to be read" };
    throw error;
  }
}

function authoredPath(document: Document, path: Path): string {
  const [first, index, ...rest] = path;
  if (typeof index !== "number") return formatPath(path) || "the workflow";
  if (first === "tasks") {
    const task = tasksOf(document)?.items[index];
    return task === undefined ? formatPath(path) : formatPath([keyOf(document, "tasks"), keyText(task.key), ...rest]);
  }
  const isList = isMap(document.contents) && isSeq(document.contents.get(keyOf(document, "on"), true));
  return formatPath(first === "schedules" ? [keyOf(document, "on"), ...(isList ? [index] : []), ...rest] : path);
}

function tasksOf(document: Document): YAMLMap | undefined {
  const tasks = isMap(document.contents) ? document.contents.get(keyOf(document, "tasks"), true) : undefined;
  return isMap(tasks) ? tasks : undefined;
}

/** As the author spelled it. */
function keyOf({ contents }: Document, key: string): string {
  return (isMap(contents) ? spellingsOf(key).find((spelling) => contents.has(spelling)) : undefined) ?? key;
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
    return typeof task === "object" && !Array.isArray(task) ? { ...task, name: keyText(pair.key) } : task;
  });
  return { ...value, [keyOf(document, "tasks")]: list };
}

/** Where the path of a definition leads, or the nearest part of it that is written there. */
function offsetOf(document: Document, path: Path): number {
  const [first, second, ...rest] = path;
  const start = document.contents?.range?.[0] ?? 0;
  if (first === "schedules") return offsetBelow(document.contents, start, [keyOf(document, "on"), ...path.slice(1)]);
  const task = first === "tasks" && typeof second === "number" ? tasksOf(document)?.items[second] : undefined;
  if (task === undefined) return offsetBelow(document.contents, start, path);
  return offsetBelow(task.value, offsetOfKey(task, start), rest[0] === "name" ? [] : rest);
}

function offsetBelow(root: unknown, start: number, path: Path): number {
  let node = root;
  let offset = start;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.findLast((item) => keyText(item.key) === String(part));
      // One item may stand in the place of a list of one.
      if (pair === undefined && part === 0) continue;
      if (pair === undefined) break;
      offset = offsetOfKey(pair, offset);
      node = pair.value;
    } else if (isSeq(node) && typeof part === "number") {
      node = node.items[part];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
      // One item may stand in the place of a list of one.
    } else if (part !== 0) break;
  }
  return offset;
}

function offsetOfKey(pair: Pair, otherwise: number): number {
  return (pair.key as Node | null)?.range?.[0] ?? otherwise;
}

function repeatedKeys(document: Document): { key: string; offset: number }[] {
  const found: { key: string; offset: number }[] = [];
  const tasks = tasksOf(document);
  const visit = (node: unknown): void => {
    if (isSeq(node)) node.items.forEach(visit);
    if (!isMap(node)) return;
    const seen = new Set<string>();
    for (const pair of node.items) {
      const key = keyText(pair.key);
      if (seen.has(key) && node !== tasks) found.push({ key, offset: offsetOfKey(pair, 0) });
      seen.add(key);
      visit(pair.value);
    }
  };
  visit(document.contents);
  return found;
}
