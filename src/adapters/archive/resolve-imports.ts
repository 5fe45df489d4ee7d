import { isBuiltin } from "node:module";
import { dirname } from "node:path";
import { build as esbuild, type OnResolveArgs, type OnResolveResult, type Plugin, type PluginBuild } from "esbuild";
import { ABSENT_NAMESPACE, absentModule, loadAbsentModule } from "./absent-modules.ts";
import type { ImportTrace } from "./import-trace.ts";
import { createLinks, findDependency, type Links } from "./linked-dependencies.ts";
import type { ModulePlaces } from "./module-places.ts";

export const SDK_NAMESPACE = "cascaded-sdk";
/** Marks the error about an import of `node:` that Node does not have. */
export const UNKNOWN_BUILTIN = "unknown builtin";

const RESOLVED_HERE = "resolved here";
/** Packages that find and load a compiled add-on by a path made up at run time, which no bundler sees. */
const addonLoaders = [
  "bindings",
  "node-gyp-build",
  "node-gyp-build-optional-packages",
  "@mapbox/node-pre-gyp",
  "pkg-prebuilds",
];

export interface ImportSurroundings {
  zodEntry: string;
  sdk: string;
  /** Names of `cascade.external`. */
  external: readonly string[];
  trace: ImportTrace;
  places: ModulePlaces;
}

/**
 * `cascaded` is the given text whatever is installed; `zod` is the package's own or the given one; a linked dependency is
 * named by its link, so that it looks like an installed one, and read by its own `tsconfig.json`. What cannot be found where
 * only a running program asks for it, what the author leaves out, and compiled add-ons are absent: reaching them throws.
 */
export function resolveImports(surroundings: ImportSurroundings): Plugin {
  const { sdk, external, trace, places } = surroundings;
  return {
    name: "cascade",
    setup(build) {
      const links = createLinks();
      const isExternal = (path: string) => external.some((name) => path === name || path.startsWith(`${name}/`));
      build.onLoad({ filter: /.*/, namespace: SDK_NAMESPACE }, () => ({ contents: sdk, loader: "js" }));
      build.onLoad({ filter: /.*/, namespace: ABSENT_NAMESPACE }, loadAbsentModule);
      build.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: "file" }, ({ path }) =>
        places.load(path, links.tsconfigOf(path)),
      );
      build.onResolve({ filter: /.*/ }, async (args) => {
        const { path, kind, importer } = args;
        if (args.pluginData === RESOLVED_HERE || kind === "entry-point") return undefined;
        if (path === "cascaded") return { path, namespace: SDK_NAMESPACE };
        if (isExternal(path)) return absentModule(args);
        if (path.startsWith("node:") && !isBuiltin(path)) {
          if (kind === "import-statement") return { errors: [{ text: path, detail: UNKNOWN_BUILTIN }] };
          // A later Node may have it.
          trace.noteMissing({ importer, specifier: path });
          return { path, external: true };
        }
        if (addonLoaders.includes(path)) {
          trace.noteNative({ importer, specifier: path });
          return absentModule(args);
        }
        return resolveFrom(build, args, links, surroundings);
      });
    },
  };
}

async function resolveFrom(
  build: PluginBuild,
  args: OnResolveArgs,
  links: Links,
  { zodEntry, trace }: ImportSurroundings,
): Promise<OnResolveResult | undefined> {
  const { path: specifier, kind, importer } = args;
  const name = /^(?:@[^/]+\/)?[^./][^/]*/.exec(specifier)?.[0];
  const found = name === undefined ? undefined : findDependency(args.resolveDir, name);
  if (name !== undefined && found !== undefined) links.note(found, name);
  // Looked up from inside, zod is found past any `paths` of the author's tsconfig.json, which serve the type checker.
  const resolveDir = name === "zod" ? (found ?? dirname(zodEntry)) : links.real(args.resolveDir);
  const tsconfig = name === "zod" ? undefined : links.tsconfigOf(resolveDir);
  const result =
    tsconfig === undefined
      ? await build.resolve(specifier, { kind, importer, resolveDir, pluginData: RESOLVED_HERE })
      : await resolveBy(tsconfig, specifier, { kind, importer, resolveDir });
  if (result.errors.length > 0) {
    const isOwn = !importer.includes("/node_modules/");
    const isRelative = /^[./]/.test(specifier);
    // A static import must be there, and so must the author's own file; esbuild names the place.
    if ((kind !== "require-call" && kind !== "dynamic-import") || (isOwn && isRelative)) return undefined;
    trace.noteMissing({ importer, specifier });
    return absentModule(args);
  }
  if (result.namespace === "file" && result.path.endsWith(".node")) {
    trace.noteNative({ importer, specifier });
    return absentModule(args);
  }
  const path = result.namespace === "file" ? links.linked(result.path) : result.path;
  trace.note(path, importer);
  if (path === result.path && resolveDir === args.resolveDir && tsconfig === undefined) return undefined;
  return {
    path,
    namespace: result.namespace,
    external: result.external,
    sideEffects: result.sideEffects,
    suffix: result.suffix,
  };
}

/** As esbuild resolves where another `tsconfig.json` counts, which a build has one of. */
async function resolveBy(
  tsconfig: string,
  specifier: string,
  from: Pick<OnResolveArgs, "kind" | "importer" | "resolveDir">,
) {
  let result: Awaited<ReturnType<PluginBuild["resolve"]>> | undefined;
  await esbuild({
    stdin: { contents: "" },
    bundle: true,
    platform: "node",
    write: false,
    logLevel: "silent",
    tsconfig,
    plugins: [
      {
        name: "resolve",
        setup: ({ onStart, resolve }) =>
          onStart(async () => {
            result = await resolve(specifier, from);
          }),
      },
    ],
  });
  return result!;
}
