import { canonicalBytes } from "../kernel/canonical-json.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import { isJsonObject } from "../kernel/json.ts";
import { environmentNameMistake, isEnvironmentName } from "./authored-definition.ts";
import { checkDefinitionForm, checkDefinitionRules, checkName, type DefinitionRules } from "./definition-check.ts";
import { createFieldCheck, type FieldCheck, formatPath, type Path } from "./field-check.ts";
import { wrongComponents } from "./fingerprint.ts";
import { ASSETS_FOLDER, BUNDLE_FILE, HOST_API, type Manifest, MANIFEST_FILE, MANIFEST_FORMAT } from "./manifest.ts";
import { readManifest } from "./manifest-reader.ts";
import { workflowId, type WorkflowDefinition } from "./workflow.ts";

/** A task takes about 300 bytes: room for as many as there may be, with what belongs to them. */
export const manifestLimits = {
  bytes: 4 * 1024 * 1024,
  depth: 32,
  tasks: 5_000,
  edges: 20_000,
  schedules: 1_000,
} as const;

/** Bytes of a path in a package: more do not fit the names of common file systems once unpacked. */
const PATH_MAX = 240;

/** https://semver.org, appendix; no longer than fits a file name beside the package's. */
const VERSION =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

export function isVersion(text: string): boolean {
  return text.length <= 100 && VERSION.test(text);
}

/** The bytes of `manifest.json`: RFC 8785. */
export function formatManifest(manifest: Manifest): Buffer {
  return canonicalBytes(manifest);
}

/**
 * Reads what `formatManifest` wrote, trusting nothing: shape, limits, names, graphs, schedules, schemas, paths and canonical bytes
 * are all checked again. The error is `PACKAGE_NEEDS_NEWER_CASCADE` for another format or host interface, else
 * `PACKAGE_INVALID` with the first hundred problems.
 */
export function parseManifest(
  bytes: Uint8Array,
  rules: DefinitionRules,
): { manifest: Manifest } | { error: CascadeError } {
  const form = parseManifestForm(bytes);
  if ("error" in form) return form;
  const error = definitionsError(form.manifest, rules);
  return error ? { error } : form;
}

/** The part of it that computes with nothing an author wrote, in time and memory in proportion to the bytes. */
export function parseManifestForm(bytes: Uint8Array): { manifest: Manifest } | { error: CascadeError } {
  if (bytes.length > manifestLimits.bytes) return invalid("manifest.json is larger than 4 MB");
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    return invalid(`manifest.json is not JSON: ${toCascadeError(error).message}`);
  }
  if (!isJsonObject(value)) return invalid("manifest.json is not an object");
  const newer = newerThanThis(value);
  if (newer !== undefined) return { error: new CascadeError("PACKAGE_NEEDS_NEWER_CASCADE", newer) };
  const form = formMistake(value, bytes);
  if (form !== undefined) return invalid(form);

  let manifest: Manifest | undefined;
  const error = problemsError((check) => {
    manifest = readManifest(value, check);
    if (check.problems.length === 0) checkManifest(manifest, check);
  });
  return error ? { error } : { manifest: manifest! };
}

/** The other part: what keeps a manifest of good form from being loaded; undefined when nothing does. */
export function definitionsError(manifest: Manifest, rules: DefinitionRules): CascadeError | undefined {
  return problemsError((check) => {
    for (const [index, workflow] of manifest.workflows.entries()) {
      checkDefinitionRules(workflow, rules, check, ["workflows", index]);
    }
    for (const path of wrongComponents(manifest)) {
      check.report("FIELD_INVALID", ["fingerprint", ...path], "it is not the digest of what the manifest says");
    }
  });
}

function problemsError(body: (check: FieldCheck) => void): CascadeError | undefined {
  const check = createFieldCheck((path) => `${MANIFEST_FILE} ${formatPath(path)}`.trimEnd());
  check.collect(() => body(check));
  const { problems } = check;
  const [first, ...more] = problems;
  if (first === undefined) return undefined;
  const message = `${first.place}: ${first.message}${more.length > 0 ? `, and ${more.length} more` : ""}`;
  return new CascadeError("PACKAGE_INVALID", message, { problems });
}

function invalid(message: string): { error: CascadeError } {
  return { error: new CascadeError("PACKAGE_INVALID", message) };
}

function newerThanThis({ format, hostApi }: Record<string, unknown>): string | undefined {
  if (Number.isInteger(format) && format !== MANIFEST_FORMAT) {
    return `the package has format ${String(format)}; this Cascade reads ${MANIFEST_FORMAT}`;
  }
  if (Number.isInteger(hostApi) && hostApi !== HOST_API) {
    return `the package wants host interface ${String(hostApi)}; this Cascade has ${HOST_API}`;
  }
  return undefined;
}

function formMistake(value: unknown, bytes: Uint8Array): string | undefined {
  if (depthOf(value) > manifestLimits.depth)
    return `manifest.json is nested deeper than ${manifestLimits.depth} levels`;
  try {
    // Also refuses repeated keys, which readers may resolve differently.
    return canonicalBytes(value).equals(bytes) ? undefined : "manifest.json is not in its canonical form (RFC 8785)";
  } catch (error) {
    return toCascadeError(error).message;
  }
}

/** Counts levels without recursion, so that hostile nesting costs time in proportion to its bytes and no stack. */
function depthOf(value: unknown): number {
  let depth = 0;
  let level: unknown[] = [value];
  while (level.length > 0 && depth <= manifestLimits.depth) {
    level = level.flatMap((it) => (typeof it === "object" && it !== null ? (Object.values(it) as unknown[]) : []));
    if (level.length > 0) depth++;
  }
  return depth;
}

/** What the fields of a well-formed manifest must have in common. */
function checkManifest(manifest: Manifest, check: FieldCheck): void {
  checkName("package", manifest.name, ["name"], check);
  if (!isVersion(manifest.version)) {
    check.report("VERSION_INVALID", ["version"], `${JSON.stringify(manifest.version)} is no semantic version`);
  }
  checkEnvironment(manifest.env, ["env"], check);
  checkLimits(manifest.workflows, check);
  checkWorkflows(manifest.workflows, check);
  for (const [index, workflow] of manifest.workflows.entries()) {
    checkDefinitionForm(workflow, check, ["workflows", index]);
  }
  checkFiles(manifest, check);
  checkFingerprint(manifest, check);
}

export function checkEnvironment(env: readonly string[], path: Path, check: FieldCheck): void {
  const seen = new Set<string>();
  for (const [index, name] of env.entries()) {
    if (!isEnvironmentName(name)) check.report("FIELD_INVALID", [...path, index], environmentNameMistake(name));
    if (seen.size === seen.add(name).size)
      check.report("FIELD_INVALID", [...path, index], `"${name}" is declared twice`);
  }
}

/** The workflows of a package among themselves. */
export function checkWorkflows(workflows: readonly WorkflowDefinition[], check: FieldCheck): void {
  if (workflows.length === 0) check.report("PACK_NO_WORKFLOW", ["workflows"], "the package has no workflow");
  const seen = new Set<string>();
  for (const [index, { name }] of workflows.entries()) {
    if (seen.size < seen.add(name).size) continue;
    check.report("WORKFLOW_REPEATED", ["workflows", index, "name"], `the package has two workflows named "${name}"`);
  }
}

function checkLimits(workflows: readonly WorkflowDefinition[], check: FieldCheck): void {
  const tasks = workflows.flatMap((workflow) => workflow.tasks);
  const edges = tasks.reduce((sum, task) => sum + task.after.length, 0);
  const schedules = workflows.reduce((sum, workflow) => sum + workflow.schedules.length, 0);
  for (const [count, max, what] of [
    [tasks.length, manifestLimits.tasks, "tasks"],
    [edges, manifestLimits.edges, "dependencies"],
    [schedules, manifestLimits.schedules, "schedules"],
  ] as const) {
    if (count > max)
      check.report("PACKAGE_TOO_LARGE", ["workflows"], `the package has ${count} ${what}, more than ${max}`);
  }
}

function checkFiles({ files, workflows }: Manifest, check: FieldCheck): void {
  const paths = new Set(files.map((file) => file.path));
  for (const [index, { path }] of files.entries()) {
    const mistake = pathMistake(path);
    const previous = files[index - 1]?.path;
    if (mistake !== undefined) {
      check.report("PACKAGE_UNSAFE", ["files", index, "path"], mistake);
      continue;
    }
    if (previous !== undefined && previous >= path) {
      check.report("FIELD_INVALID", ["files", index, "path"], "files are not in order, or one is listed twice");
    }
    for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
      if (!paths.has(path.slice(0, slash))) continue;
      check.report("PACKAGE_UNSAFE", ["files", index, "path"], `"${path}" lies below another file`);
    }
  }
  const needsBundle = workflows.some((workflow) => workflow.tasks.some((task) => task.command === null));
  if (needsBundle && !paths.has(BUNDLE_FILE))
    check.report("TASK_NOT_IN_BUNDLE", ["files"], `there is no ${BUNDLE_FILE}`);
}

/** Why a package may not hold a file of this name; undefined when it may. */
export function pathMistake(path: string): string | undefined {
  const shown = JSON.stringify(path.slice(0, 300));
  if (Buffer.byteLength(path) > PATH_MAX) return `the path ${shown} is longer than ${PATH_MAX} bytes`;
  if (!path.isWellFormed() || /[\p{Cc}\\]/u.test(path))
    return `the path ${shown} holds a character that is not allowed`;
  if (path.split("/").some((part) => part === "" || part === "." || part === ".."))
    return `the path ${shown} is not safe`;
  if (path === BUNDLE_FILE || path === `${BUNDLE_FILE}.map` || path.startsWith(`${ASSETS_FOLDER}/`)) return undefined;
  return `a package has no file ${shown}`;
}

function checkFingerprint({ fingerprint, workflows, files }: Manifest, check: FieldCheck): void {
  const tasks = workflows.flatMap(({ name, tasks }) => tasks.map((task) => workflowId(name, task.name)));
  const assets = files.map((file) => file.path).filter((path) => path.startsWith(`${ASSETS_FOLDER}/`));
  for (const [key, names] of [
    ["tasks", tasks],
    ["assets", assets],
  ] as const) {
    const listed = Object.keys(fingerprint[key]);
    if (listed.length !== new Set(names).size || names.some((name) => !Object.hasOwn(fingerprint[key], name))) {
      check.report(
        "FIELD_INVALID",
        ["fingerprint", key],
        `the fingerprint does not name exactly the ${key} of the package`,
      );
    }
  }
}
