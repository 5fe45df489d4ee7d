import { readFile, stat } from "node:fs/promises";
import { extname, join, posix } from "node:path";
import { checkName } from "../../domain/definition-check.ts";
import { createFieldCheck, type FieldCheck, formatPath } from "../../domain/field-check.ts";
import { checkEnvironment, isVersion } from "../../domain/manifest-check.ts";
import { type Problem, problem, systemErrorCode, toCascadeError } from "../../kernel/errors.ts";

const PACKAGE_FILE = "package.json";
const entryKinds = { ".ts": "code", ".js": "code", ".mjs": "code", ".yaml": "yaml", ".yml": "yaml" } as const;

/** What the author's `package.json` says about the package. */
export interface PackageFolder {
  name: string;
  version: string;
  description: string;
  /** Relative to the folder. Null when there is none that can be read. */
  entry: { path: string; kind: "code" | "yaml" } | null;
  /** Files and folders, relative to the folder, inside it. */
  assets: readonly string[];
  /** Sorted. */
  env: readonly string[];
  /** Names of modules that are not packed, whoever imports them. */
  external: readonly string[];
}

/** Reads `package.json`: name, version, description, and the `cascade` object, whose keys are `entry`, `assets`, `env` and `external`. */
export async function readPackageFolder(
  folder: string,
): Promise<{ source?: PackageFolder; problems: readonly Problem[] }> {
  const refused = (message: string) => ({ problems: [problem("PACK_MANIFEST_INVALID", PACKAGE_FILE, message)] });
  let json: unknown;
  try {
    const text = await readFile(join(folder, PACKAGE_FILE), "utf8");
    json = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return refused(`there is no package.json in ${folder}`);
    return refused(`package.json cannot be read: ${toCascadeError(error).message}`);
  }
  const check = createFieldCheck((path) => `${PACKAGE_FILE} ${formatPath(path)}`.trimEnd());
  const known = typeof json === "object" && json !== null ? Object.keys(json) : [];
  const fields = check.object(json, [], known);
  if (fields === undefined) return refused("package.json must hold an object");
  const name = check.text(fields["name"], ["name"]);
  if (name !== undefined) checkName("package", name, ["name"], check);
  const version = check.text(fields["version"], ["version"]);
  if (version !== undefined && !isVersion(version)) {
    check.report("VERSION_INVALID", ["version"], `${JSON.stringify(version)} is no semantic version`);
  }
  const description = fields["description"] === undefined ? "" : check.text(fields["description"], ["description"]);
  const cascade = fields["cascade"];
  if (cascade === undefined) {
    check.report("PACK_MANIFEST_INVALID", [], 'there is no "cascade" object in package.json');
  }
  const members =
    cascade === undefined ? undefined : check.object(cascade, ["cascade"], ["entry", "assets", "env", "external"]);
  const source: PackageFolder = {
    name: name ?? "",
    version: version ?? "",
    description: description ?? "",
    entry: members ? await readEntry(folder, members["entry"], check) : null,
    assets: readPaths(members?.["assets"], "assets", check),
    env: readEnv(members?.["env"], check),
    external: readExternal(members?.["external"], check),
  };
  return { source, problems: check.problems };
}

async function readEntry(folder: string, value: unknown, check: FieldCheck): Promise<PackageFolder["entry"]> {
  const path = ["cascade", "entry"];
  if (value === undefined) {
    check.report("PACK_ENTRY_MISSING", path, "`cascade.entry` does not name the file that exports the workflows");
    return null;
  }
  const text = check.text(value, path);
  if (text === undefined) return null;
  const entry = posix.normalize(text);
  const kind = entryKinds[extname(entry) as keyof typeof entryKinds] as "code" | "yaml" | undefined;
  if (kind === undefined) {
    const known = Object.keys(entryKinds).join(", ");
    check.report("PACK_ENTRY_MISSING", path, `the entry "${text}" ends in none of ${known}`);
    return null;
  }
  if (isOutside(entry) || !(await isFile(join(folder, entry)))) {
    check.report("PACK_ENTRY_MISSING", path, `there is no file "${text}" in the package folder`);
    return null;
  }
  return { path: entry, kind };
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

function isOutside(path: string): boolean {
  return posix.isAbsolute(path) || path === ".." || path.startsWith("../");
}

/** One path or a list of them, each inside the folder. */
function readPaths(value: unknown, key: string, check: FieldCheck): string[] {
  if (value === undefined) return [];
  const list = typeof value === "string" ? [value] : (check.list(value, ["cascade", key]) ?? []);
  return list.flatMap((item, index) => {
    const path = ["cascade", key, index];
    const text = check.text(item, path);
    if (text === undefined) return [];
    const normal = posix.normalize(text).replace(/\/$/, "");
    if (!isOutside(normal) && normal !== ".") return [normal];
    check.report("PACK_ASSET_MISSING", path, `the asset "${text}" does not lie inside the package folder`);
    return [];
  });
}

/** Names of packages: what lies below one goes with it. */
function readExternal(value: unknown, check: FieldCheck): string[] {
  if (value === undefined) return [];
  const path = ["cascade", "external"];
  return (check.list(value, path) ?? []).flatMap((item, index) => {
    const name = check.text(item, [...path, index]);
    if (name === undefined) return [];
    if (/^(?:@[^/]+\/)?[^./@][^/]*(?:\/[^/]+)*$/.test(name) && name !== "cascaded") return [name];
    check.report("FIELD_INVALID", [...path, index], `${JSON.stringify(name)} is not the name of a dependency`);
    return [];
  });
}

function readEnv(value: unknown, check: FieldCheck): string[] {
  if (value === undefined) return [];
  const path = ["cascade", "env"];
  const names = (check.list(value, path) ?? []).flatMap((name, index) => check.text(name, [...path, index]) ?? []);
  checkEnvironment(names, path, check);
  return names.toSorted();
}
