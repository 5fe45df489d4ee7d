import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type BuildFailure, type Message, version as esbuildVersion } from "esbuild";
import { BUNDLE_FILE } from "../../domain/manifest.ts";
import { type Problem, problem } from "../../kernel/errors.ts";
import {
  createImportTrace,
  type ImportTrace,
  NATIVE_MODULE,
  resolveImports,
  SDK_NAMESPACE,
} from "./resolve-imports.ts";

/** The language level of bundles: the oldest Node that runs them. */
const TARGET = "node20.19";

/** What made a bundle, for the fingerprint. */
export const toolchain = { bundler: `esbuild ${esbuildVersion}`, target: TARGET } as const;

/**
 * CommonJS dependencies look for these three names, which an ES module does not have. The imports' own names are reserved,
 * and `__filename` and `__dirname` are put in place by substitution, so that an author may define them too.
 */
const BANNER = `import { createRequire as __cascade_createRequire } from "node:module";
import { fileURLToPath as __cascade_fileURLToPath } from "node:url";
const require = __cascade_createRequire(import.meta.url);
const __cascade_filename = __cascade_fileURLToPath(import.meta.url);
const __cascade_dirname = __cascade_fileURLToPath(new URL(".", import.meta.url)).slice(0, -1);`;

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
}

export interface BundleSurroundings {
  /** Entry of the SDK that `cascaded` means. */
  sdkEntry: string;
  /** Entry of the zod that a package gets which has none. */
  zodEntry: string;
}

/** Bundles an entry with everything it imports into one ES module. The bytes do not depend on where anything lies. */
export async function bundleEntry(
  folder: string,
  entry: string,
  surroundings: BundleSurroundings,
): Promise<{ bundle: Bundle } | { problems: readonly Problem[] }> {
  const trace = createImportTrace(join(folder, entry));
  const sdk = await bundleSdk(surroundings.sdkEntry);
  // Without one of its own, esbuild would take a tsconfig.json of some folder above the package.
  const tsconfig = join(folder, "tsconfig.json");
  const ownConfig = await readFile(tsconfig, "utf8").catch(() => null);
  try {
    const { outputFiles, metafile } = await build({
      absWorkingDir: folder,
      entryPoints: [entry],
      outfile: BUNDLE_FILE,
      bundle: true,
      platform: "node",
      target: TARGET,
      format: "esm",
      charset: "utf8",
      sourcemap: "linked",
      sourcesContent: false,
      legalComments: "none",
      define: { __dirname: "__cascade_dirname", __filename: "__cascade_filename" },
      banner: { js: BANNER },
      metafile: true,
      write: false,
      logLevel: "silent",
      ...(ownConfig === null ? { tsconfigRaw: {} } : { tsconfig }),
      plugins: [resolveImports({ zodEntry: surroundings.zodEntry, sdk, trace })],
    });
    const inputs = Object.keys(metafile.inputs);
    const text = (ending: string) => outputFiles.find((file) => file.path.endsWith(ending))?.text ?? "";
    return {
      bundle: {
        code: withoutPlaces(text(BUNDLE_FILE), inputs),
        map: mapWithoutPlaces(text(`${BUNDLE_FILE}.map`)),
        sdk: `${BANNER}\n${sdk}`,
        inputs: await readInputs(folder, inputs),
        tsconfig: ownConfig ?? "{}",
      },
    };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    return { problems: error.errors.map((message) => explain(message, folder, trace)) };
  }
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

/** Where a dependency lies, as its name in the nearest folder of dependencies; other paths stay relative to the package. */
function placeless(path: string): string {
  const at = path.lastIndexOf("node_modules/");
  return at < 0 ? path : path.slice(at);
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

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors);
}

function explain(message: Message, folder: string, trace: ImportTrace): Problem {
  const { location, text } = message;
  const file = location === null ? undefined : placeless(location.file.replace(`${SDK_NAMESPACE}:`, ""));
  const place = location === null ? "package" : `${file}:${location.line}:${location.column + 1}`;
  const importer = location === null ? undefined : join(folder, location.file);
  const chainTo = (name: string) => trace.chain(importer, name, folder).map(placeless).join(" → ");

  const unresolved = /^Could not resolve "(.*)"$/.exec(text)?.[1];
  if (unresolved !== undefined) {
    const hint = /^[./]/.test(unresolved)
      ? `Correct the import in ${file}.`
      : `Run \`npm install ${packageOf(unresolved)}\` in the package folder, or correct the import in ${file}.`;
    return problem("PACK_UNRESOLVED", place, `cannot find "${unresolved}" (${chainTo(unresolved)})`, hint);
  }
  const addon = /^No loader is configured for "\.node" files: (.*)$/.exec(text)?.[1];
  if (addon !== undefined) {
    const name = placeless(addon).replace(/^node_modules\//, "");
    return problem("PACK_NATIVE_MODULE", place, `"${packageOf(name)}" is a native module (${chainTo(name)})`);
  }
  if (message.detail === NATIVE_MODULE) {
    const name = file?.startsWith("node_modules/") ? packageOf(file.slice("node_modules/".length)) : (file ?? "");
    return problem("PACK_NATIVE_MODULE", place, `"${name}" loads a native module (${chainTo(text)})`);
  }
  return problem("PACK_BUNDLE_FAILED", place, text);
}

/** The name to install: `@scope/name` of `@scope/name/part`. */
function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}
