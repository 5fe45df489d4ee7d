import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build, type BuildFailure, type Metafile, type Message } from "esbuild";
import { isJsonObject } from "../../kernel/json.ts";
import { ABSENT_NAMESPACE } from "./absent-modules.ts";

/** An import of a compiled add-on that nothing catches the failure of. */
export interface NativeImport {
  /** From the entry to the file that imports it, relative to the folder. */
  chain: readonly string[];
  /** The import there; null for one of a path that is made up at run time. */
  specifier: string | null;
  /** `:line:column` in the last file of the chain, or "". */
  at: string;
}

export interface NativeSearch {
  folder: string;
  entry: string;
  metafile: Metafile;
  /** Imports of add-ons and of their loaders, as `importer specifier`, the importer relative to the folder. */
  natives: ReadonlySet<string>;
  /** Files with a `require` of a path that is made up at run time, relative to the folder. */
  computed: ReadonlySet<string>;
}

/**
 * Follows imports from the entry on, but not those whose failure is caught: there a program goes on without the add-on, as it
 * does where it could not be installed. What is left needs the add-on.
 */
export async function findNativeImports({
  folder,
  entry,
  metafile,
  natives,
  computed,
}: NativeSearch): Promise<NativeImport[]> {
  const { inputs } = metafile;
  const isNative = (file: string, specifier = "") => natives.has(`${file} ${specifier}`);
  const suspects = suspectsIn(
    inputs,
    (file) => computed.has(file) || inputs[file]!.imports.some(({ original }) => isNative(file, original)),
  );
  const found: NativeImport[] = [];
  const chains = new Map<string, readonly string[]>(suspects.has(entry) ? [[entry, [entry]]] : []);
  for (const [file, chain] of chains) {
    if (computed.has(file) && addonOf(folder, file)) {
      found.push({ chain, specifier: null, at: "" });
      continue;
    }
    const platformPackage = isPlatformPackage(folder, file);
    const uncaught = await uncaughtImports(join(folder, file), inputs[file]!.imports);
    for (const { path, kind, original = "" } of inputs[file]!.imports) {
      const isCaught = kind !== "import-statement" && !uncaught.has(original);
      // Each of many is caught, because only one of them fits the machine; none of them is what it cannot do without.
      if (isNative(file, original) && (!isCaught || platformPackage)) {
        found.push({ chain, specifier: original, at: uncaught.get(original) ?? "" });
      } else if (!isCaught && suspects.has(path) && !chains.has(path)) chains.set(path, [...chain, path]);
    }
  }
  return found;
}

/** The inputs from which imports lead to one of that kind. */
function suspectsIn(inputs: Metafile["inputs"], isMeant: (file: string) => boolean): Set<string> {
  const importers = new Map<string, string[]>();
  for (const [file, { imports }] of Object.entries(inputs)) {
    for (const { path } of imports) importers.set(path, [...(importers.get(path) ?? []), file]);
  }
  const found = new Set(Object.keys(inputs).filter((file) => !file.startsWith(ABSENT_NAMESPACE) && isMeant(file)));
  for (const file of found) for (const importer of importers.get(file) ?? []) found.add(importer);
  return found;
}

/**
 * Where a file imports what, if a failure of it is not caught. Asked of esbuild: it makes no error of an import that cannot be
 * found where the code would catch it, and from nowhere nothing can be found.
 */
async function uncaughtImports(file: string, imports: readonly { kind: string }[]): Promise<Map<string, string>> {
  if (imports.every(({ kind }) => kind === "import-statement")) return new Map();
  const [, language] = /\.[cm]?([jt]sx?)$/.exec(file) ?? [];
  const contents = readFileSync(file, "utf8");
  const errors = await build({
    stdin: { contents, loader: (language ?? "js") as "js" },
    bundle: true,
    platform: "node",
    format: "esm",
    write: false,
    logLevel: "silent",
    logLimit: 0,
    tsconfigRaw: {},
  }).then(
    (): Message[] => [],
    (error: BuildFailure) => error.errors,
  );
  return new Map(
    errors.flatMap(({ text, location }) => {
      const specifier = /^Could not resolve "(.*)"$/.exec(text)?.[1];
      return specifier === undefined ? [] : [[specifier, location ? `:${location.line}:${location.column + 1}` : ""]];
    }),
  );
}

const addonFolders = ["", "build/Release", "prebuilds", "lib/binding", "bin"];

/** Whether the dependency that a file belongs to has compiled add-ons of its own, or takes them from packages for one platform each. */
function addonOf(folder: string, file: string): boolean {
  const root = dependencyFolder(folder, file);
  if (root === undefined) return false;
  if (existsSync(join(root, "binding.gyp"))) return true;
  const isAddon = (path: string) =>
    existsSync(path) &&
    readdirSync(path, { recursive: path.endsWith("prebuilds") }).some((name) => String(name).endsWith(".node"));
  return addonFolders.some((name) => isAddon(join(root, name))) || isPlatformPackage(folder, file);
}

/** Whether the dependency that a file belongs to takes what it needs from packages for one platform each. */
function isPlatformPackage(folder: string, file: string): boolean {
  const root = dependencyFolder(folder, file);
  const optional = root === undefined ? undefined : readPackage(root)["optionalDependencies"];
  return (
    isJsonObject(optional) &&
    Object.keys(optional).some((name) =>
      /(?:linux|darwin|win32|android|freebsd)-?(?:x64|ia32|arm|universal)/.test(name),
    )
  );
}

function dependencyFolder(folder: string, file: string): string | undefined {
  const path = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
  return path && join(folder, path);
}

function readPackage(root: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    return isJsonObject(json) ? json : {};
  } catch {
    return {}; // A folder of files that is no package has no dependencies.
  }
}
