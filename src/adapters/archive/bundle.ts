import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { build, type BuildOptions, type BuildResult, type Message, version as esbuildVersion } from "esbuild";
import { BUNDLE_FILE } from "../../domain/manifest.ts";
import type { Problem } from "../../kernel/errors.ts";
import { explain, explainMissing, explainNative, isBuildFailure } from "./explain-bundling.ts";
import { createImportTrace, type ImportTrace, type LeftOut } from "./import-trace.ts";
import { createModulePlaces, MODULES_FOLDER, placeBanner, placeDefines } from "./module-places.ts";
import { findNativeImports } from "./native-modules.ts";
import { placeless } from "./placeless.ts";
import { resolveImports } from "./resolve-imports.ts";
import { configWarnings } from "./tsconfig-warnings.ts";
import type { ArchiveFile } from "./write-archive.ts";

/** The language level of bundles: the oldest Node that runs them. */
const TARGET = "node20.19";

/** What made a bundle, for the fingerprint. */
export const toolchain = { bundler: `esbuild ${esbuildVersion}`, target: TARGET } as const;

/** What a module has to find out by a name of its own in each kind of file; these names are reserved. */
const esmBanner = `import { createRequire as __cascade_createRequire } from "node:module";
import { fileURLToPath as __cascade_fileURLToPath } from "node:url";
const __cascade_url = import.meta.url;
const require = __cascade_createRequire(__cascade_url);`;
const commonJsBanner = `const { createRequire: __cascade_createRequire } = require("node:module");
const { fileURLToPath: __cascade_fileURLToPath, pathToFileURL: __cascade_pathToFileURL } = require("node:url");
const __cascade_url = __cascade_pathToFileURL(__filename).href;`;
const BANNER = `${esmBanner}\n${placeBanner(`./${MODULES_FOLDER}/`)}`;

/** What esbuild only notes, and what it says of code that is fine once it is bundled. */
const logOverride = { "unsupported-require-call": "warning", "require-resolve-not-external": "warning" } as const;
const COMPUTED_REQUIRE = "unsupported-require-call";

export interface Bundle {
  code: string;
  /** A source map, linked from the code's last line as `bundle.mjs.map`. */
  map: string;
  /** What Cascade has put into it. */
  sdk: string;
  /** The files that were read for it, by the names that the source map gives them; two copies of a dependency share theirs. */
  inputs: readonly { name: string; contents: Buffer }[];
  /** The text of the package's own `tsconfig.json`; `{}` without one. */
  tsconfig: string;
  /** What its modules name beside themselves: data, and workers bundled by themselves. */
  files: readonly ArchiveFile[];
}

export interface BundleSurroundings {
  /** Entry of the SDK that `cascaded` means. */
  sdkEntry: string;
  /** Entry of the zod that a package gets which has none. */
  zodEntry: string;
}

export interface BundleSource {
  folder: string;
  /** Relative to it. */
  entry: string;
  external: readonly string[];
}

/** What came of bundling. There is a bundle only without problems. */
export interface Bundling {
  bundle: Bundle | null;
  problems: readonly Problem[];
  warnings: readonly Problem[];
  /** What imports it that is not installed, by name: what reaches it fails. */
  missing: ReadonlyMap<string, Problem>;
}

/** Bundles an entry with everything it imports into one ES module. The bytes do not depend on where anything lies. */
export async function bundleEntry(
  { folder, entry, external }: BundleSource,
  surroundings: BundleSurroundings,
): Promise<Bundling> {
  const trace = createImportTrace(join(folder, entry));
  const places = createModulePlaces(folder);
  const sdk = await bundleSdk(surroundings.sdkEntry);
  // Without one of its own, esbuild would take a tsconfig.json of some folder above the package.
  const tsconfig = join(folder, "tsconfig.json");
  const ownConfig = await readFile(tsconfig, "utf8").catch(() => null);
  const options = {
    absWorkingDir: folder,
    bundle: true,
    platform: "node",
    target: TARGET,
    charset: "utf8",
    sourcesContent: false,
    legalComments: "none",
    // Whatever a bundler has to rename, a class or function has the name that it has in plain Node.
    keepNames: true,
    define: placeDefines,
    metafile: true,
    write: false,
    logLevel: "silent",
    logLimit: 0,
    logOverride,
    ...(ownConfig === null ? { tsconfigRaw: {} } : { tsconfig }),
    plugins: [resolveImports({ zodEntry: surroundings.zodEntry, sdk, external, trace, places })],
  } satisfies BuildOptions;
  const failed = (problems: readonly Problem[], warnings: readonly Problem[] = []): Bundling => ({
    bundle: null,
    problems,
    warnings,
    missing: new Map(),
  });
  try {
    const result = await build({
      ...options,
      entryPoints: [entry],
      outfile: BUNDLE_FILE,
      format: "esm",
      sourcemap: "linked",
      banner: { js: BANNER },
    });
    const natives = await nativeProblems(folder, entry, result, trace);
    const { files, warnings: ofFiles } = await filesBeside(places, (path, file) =>
      build({
        ...options,
        entryPoints: [file],
        outfile: path,
        ...formatOf(path),
      }),
    );
    const problems = [...natives, ...places.problems];
    const missing = missingOf(trace, folder);
    const warnings = [
      ...(await configWarnings(folder, ownConfig)),
      ...told([...result.warnings, ...ofFiles], folder, trace),
      ...missing.values(),
      ...places.warnings,
    ];
    if (problems.length > 0) return failed(problems, warnings);
    const inputs = Object.keys(result.metafile.inputs);
    const text = (ending: string) => result.outputFiles.find((file) => file.path.endsWith(ending))?.text ?? "";
    const bundle: Bundle = {
      code: withoutPlaces(text(BUNDLE_FILE), inputs),
      map: mapWithoutPlaces(text(`${BUNDLE_FILE}.map`)),
      sdk: `${BANNER}\n${sdk}`,
      inputs: await readInputs(folder, inputs),
      tsconfig: ownConfig ?? "{}",
      files,
    };
    return { bundle, problems, warnings, missing };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    return failed(error.errors.map((message) => explain(message, folder, trace)));
  }
}

function told(messages: readonly Message[], folder: string, trace: ImportTrace): Problem[] {
  return messages
    .filter(({ id }) => id !== COMPUTED_REQUIRE)
    .map((message) => ({ ...explain(message, folder, trace), code: "PACK_SUSPECT" as const }));
}

function missingOf(trace: ImportTrace, folder: string): Map<string, Problem> {
  return new Map([...trace.missing].map(([name, leftOut]) => [name, explainMissing(leftOut, folder, trace)]));
}

async function nativeProblems(
  folder: string,
  entry: string,
  { metafile, warnings }: BuildResult<{ metafile: true }>,
  trace: ImportTrace,
) {
  const computed = new Set(
    warnings.flatMap(({ id, location }) => (id === COMPUTED_REQUIRE && location ? [location.file] : [])),
  );
  const natives = new Set(
    trace.natives.map(({ importer, specifier }: LeftOut) => `${relative(folder, importer)} ${specifier}`),
  );
  if (natives.size === 0 && computed.size === 0) return [];
  const found = await findNativeImports({ folder, entry, metafile, natives, computed });
  return found.map(explainNative);
}

/** Data as it is; code bundled by itself, which may name further files. */
async function filesBeside(
  places: ReturnType<typeof createModulePlaces>,
  bundleCode: (path: string, file: string) => Promise<BuildResult<{ metafile: true; write: false }>>,
): Promise<{ files: ArchiveFile[]; warnings: Message[] }> {
  const files = new Map<string, ArchiveFile>();
  const warnings: Message[] = [];
  const add = (path: string, bytes: Uint8Array) => files.set(path, { path, bytes, mode: 0o644 });
  for (let code = places.takeCode(); code.size > 0; code = places.takeCode()) {
    for (const [path, file] of code) {
      if (files.has(path)) continue;
      const { outputFiles, metafile, warnings: ofFile } = await bundleCode(path, file);
      warnings.push(...ofFile);
      const inputs = Object.keys(metafile.inputs);
      add(path, Buffer.from(withoutPlaces(outputFiles[0]!.text, inputs)));
    }
  }
  for (const [path, file] of places.takeData()) if (!files.has(path)) add(path, await readFile(file));
  return { files: [...files.values()], warnings };
}

/** As Node takes a file of that name without a package.json beside it. */
function formatOf(path: string) {
  const depth = path.slice(MODULES_FOLDER.length + 1).split("/").length - 1;
  const root = `./${"../".repeat(depth)}`;
  return path.endsWith(".mjs")
    ? ({ format: "esm", banner: { js: `${esmBanner}\n${placeBanner(root)}` } } as const)
    : ({ format: "cjs", banner: { js: `${commonJsBanner}\n${placeBanner(root, "cjs")}` } } as const);
}

/** Not all that a bundler calls an input is a file. */
async function readInputs(folder: string, paths: readonly string[]): Promise<Bundle["inputs"]> {
  const read = async (path: string) => {
    const contents = await readFile(join(folder, path)).catch(() => null);
    return contents === null ? [] : [{ name: placeless(path), contents }];
  };
  return (await Promise.all(paths.map(read))).flat();
}

/** The SDK as one text, so that it looks the same whether it comes from sources or from a build. */
async function bundleSdk(sdkEntry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [sdkEntry],
    bundle: true,
    format: "esm",
    target: TARGET,
    charset: "utf8",
    write: false,
    logLevel: "silent",
    tsconfigRaw: {},
  });
  return outputFiles[0]!.text;
}

/** esbuild names each input in a comment and CommonJS ones also as a key. */
function withoutPlaces(code: string, inputs: readonly string[]): string {
  const renamed = new Map<string, string>();
  for (const input of inputs) {
    const name = placeless(input);
    if (name === input) continue;
    renamed.set(`// ${input}`, `// ${name}`);
    renamed.set(`  ${JSON.stringify(input)}`, `  ${JSON.stringify(name)}`);
  }
  if (renamed.size === 0) return code;
  return code
    .split("\n")
    .map((line) => {
      const whole = renamed.get(line);
      if (whole !== undefined) return whole;
      const end = line.startsWith('  "') ? line.indexOf('"(') + 1 : 0;
      const key = end > 0 ? renamed.get(line.slice(0, end)) : undefined;
      return key === undefined ? line : key + line.slice(end);
    })
    .join("\n");
}

function mapWithoutPlaces(text: string): string {
  const map = JSON.parse(text) as { sources: string[] };
  map.sources = map.sources.map(placeless);
  return JSON.stringify(map);
}
