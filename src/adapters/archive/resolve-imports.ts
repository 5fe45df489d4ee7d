import { lstatSync, realpathSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from "esbuild";

export const SDK_NAMESPACE = "cascaded-sdk";
/** Marks the error about an import whose only use is to load a compiled addon. */
export const NATIVE_MODULE = "native module";

const RESOLVED_HERE = "resolved here";
/** Packages that find and load a compiled addon by a path made up at run time, which no bundler sees. */
const addonLoaders = [
  "bindings",
  "node-gyp-build",
  "node-gyp-build-optional-packages",
  "@mapbox/node-pre-gyp",
  "pkg-prebuilds",
];

/** Who imported each file first. */
export interface ImportTrace {
  note(file: string, importer: string): void;
  /** From the entry over `importer` to what it imports, files relative to the folder. */
  chain(importer: string | undefined, imported: string, folder: string): string[];
}

export function createImportTrace(entry: string): ImportTrace {
  const importers = new Map<string, string>();
  return {
    note(file, importer) {
      if (file !== entry && importer !== "" && !importers.has(file)) importers.set(file, importer);
    },
    chain(importer, imported, folder) {
      const files: string[] = [];
      for (let file = importer; file !== undefined && !files.includes(file); file = importers.get(file))
        files.push(file);
      return [...files.toReversed().map((file) => relative(folder, file)), imported];
    },
  };
}

/**
 * `cascaded` is the given text whatever is installed; `zod` is the package's own or the given one; a linked dependency is
 * named by its link, so that it looks like an installed one; loaders of compiled addons are errors.
 */
export function resolveImports({
  zodEntry,
  sdk,
  trace,
}: {
  zodEntry: string;
  sdk: string;
  trace: ImportTrace;
}): Plugin {
  return {
    name: "cascade",
    setup(build) {
      const links = createLinks();
      build.onLoad({ filter: /.*/, namespace: SDK_NAMESPACE }, () => ({ contents: sdk, loader: "js" }));
      build.onResolve({ filter: /.*/ }, async (args) => {
        if (args.pluginData === RESOLVED_HERE || args.kind === "entry-point") return undefined;
        if (args.path === "cascaded") return { path: "cascaded", namespace: SDK_NAMESPACE };
        if (addonLoaders.includes(args.path)) return { errors: [{ text: args.path, detail: NATIVE_MODULE }] };
        return resolveFrom(build, args, links, trace, zodEntry);
      });
    },
  };
}

async function resolveFrom(
  build: PluginBuild,
  args: OnResolveArgs,
  links: Links,
  trace: ImportTrace,
  zodEntry: string,
): Promise<OnResolveResult | undefined> {
  const name = /^(?:@[^/]+\/)?[^./][^/]*/.exec(args.path)?.[0];
  const found = name === undefined ? undefined : findDependency(args.resolveDir, name);
  if (name !== undefined && found !== undefined) links.note(found, name);
  // Looked up from inside, zod is found past any `paths` of the author's tsconfig.json, which serve the type checker.
  const resolveDir = name === "zod" ? (found ?? dirname(zodEntry)) : links.real(args.resolveDir);
  const { kind, importer } = args;
  const result = await build.resolve(args.path, { kind, importer, resolveDir, pluginData: RESOLVED_HERE });
  if (result.errors.length > 0) return undefined;
  const path = result.namespace === "file" ? links.linked(result.path) : result.path;
  trace.note(path, importer);
  if (path === result.path && resolveDir === args.resolveDir) return undefined;
  return {
    path,
    namespace: result.namespace,
    external: result.external,
    sideEffects: result.sideEffects,
    suffix: result.suffix,
  };
}

function findDependency(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (lstatSync(candidate, { throwIfNoEntry: false })) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Dependencies that are links to folders elsewhere: by their place there, and by their place here. */
interface Links {
  note(dependency: string, name: string): void;
  real(path: string): string;
  linked(path: string): string;
}

function createLinks(): Links {
  const pairs = new Map<string, string>();
  const moved = (path: string, from: string, to: string) =>
    path === from || path.startsWith(from + sep) ? to + path.slice(from.length) : undefined;
  return {
    note(dependency, name) {
      let real: string;
      try {
        real = realpathSync(dependency);
      } catch {
        return; // A link to nowhere: esbuild says so better.
      }
      // Package managers link to another folder of the same name, with its own dependencies beside it.
      if (!real.endsWith(join(sep, "node_modules", name)) && !pairs.has(real)) pairs.set(real, dependency);
    },
    real(path) {
      for (const [real, link] of pairs) {
        const there = moved(path, link, real);
        if (there !== undefined) return there;
      }
      return path;
    },
    linked(path) {
      for (const [real, link] of pairs) {
        const here = moved(path, real, link);
        if (here !== undefined) return here;
      }
      return path;
    },
  };
}
