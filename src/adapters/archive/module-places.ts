import { stat, readdir, readFile } from "node:fs/promises";
import { dirname, extname, join, posix, relative, sep } from "node:path";
import { build, type Loader, type OnLoadResult, transform } from "esbuild";
import { ASSETS_FOLDER } from "../../domain/manifest.ts";
import { type Problem, problem } from "../../kernel/errors.ts";
import { isLeftBehind } from "./assets.ts";
import { type FileBeside, HERE, readFilesBeside } from "./files-beside.ts";
import { placeless } from "./placeless.ts";

/** Below it a package holds what its modules name beside themselves, as the package folder and its dependencies do. */
export const MODULES_FOLDER = `${ASSETS_FOLDER}/.modules`;

const ASKS_ITS_PLACE = /\bimport\s*\.\s*meta\b|__dirname|__filename|\brequire\s*\.\s*resolve\b/;
const IS_JAVASCRIPT = /\.[cm]?js$/;
const IS_CODE = /\.[cm]?[jt]s$/;
const FOLDER_FILES = 500;

/** What esbuild puts in the place of a module's questions about its own place. */
export const placeDefines: Readonly<Record<string, string>> = {
  __dirname: `${HERE}.dirname`,
  __filename: `${HERE}.filename`,
  "import.meta.url": `${HERE}.url`,
  "import.meta.dirname": `${HERE}.dirname`,
  "import.meta.filename": `${HERE}.filename`,
  "import.meta.resolve": `${HERE}.importResolve`,
  "require.resolve": `${HERE}.resolve`,
};

/**
 * Answers those questions at run time. A module that names files beside itself lies in `MODULES_FOLDER` as it does below the
 * package folder, and `root` leads there from the file that holds its code; any other one lies where that file does.
 */
export function placeBanner(root: string, format: "esm" | "cjs" = "esm"): string {
  // In a file without an extension for it, Node takes the mere words for a sign of an ES module.
  const resolveImport = format === "esm" ? "import.meta.resolve(path)" : "__cascade_createRequire(url).resolve(path)";
  return `const __cascade_place = (path) => {
  const url = path === undefined ? __cascade_url : new URL(path, new URL(${JSON.stringify(root)}, __cascade_url)).href;
  const filename = __cascade_fileURLToPath(url);
  return {
    url,
    filename,
    dirname: __cascade_fileURLToPath(new URL(".", url)).replace(/(?<=.)\\/$/, ""),
    resolve: (...args) => __cascade_createRequire(url).resolve(...args),
    importResolve: (path) => (/^\\.{0,2}\\//.test(path) ? new URL(path, url).href : ${resolveImport}),
  };
};`;
}

/** Gives each module its place, and gathers what it names beside itself. */
export interface ModulePlaces {
  /** The module's text for esbuild, compiled already where a `tsconfig.json` of its own counts. */
  load(file: string, tsconfig: string | undefined): Promise<OnLoadResult | undefined>;
  /** Files to pack as they are, by their path in the package; those named since the last call. */
  takeData(): ReadonlyMap<string, string>;
  /** Files that are run by themselves, to be bundled. */
  takeCode(): ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export function createModulePlaces(folder: string): ModulePlaces {
  /** By file: whether it names what is packed with it. */
  const namesFiles = new Map<string, boolean>();
  let data = new Map<string, string>();
  let code = new Map<string, string>();
  const problems: Problem[] = [];
  const warnings: Problem[] = [];

  async function load(file: string, tsconfig: string | undefined): Promise<OnLoadResult | undefined> {
    const written = await readFile(file, "utf8").catch(() => undefined);
    if (written === undefined) return undefined; // esbuild says so better.
    const asksPlace = ASKS_ITS_PLACE.test(written);
    if (!asksPlace && tsconfig === undefined) return undefined;
    const text = asksPlace ? withRequires(withRunnableNames(written)) : written;
    const compiled = tsconfig === undefined ? undefined : await compile(file, text, tsconfig);
    const contents = compiled ?? text;
    const loader = compiled === undefined ? loaderOf(file) : "js";
    if (!asksPlace) return { contents, loader };
    if (!namesFiles.has(file)) namesFiles.set(file, await gather(file, contents, loader));
    const path = placeOf(file).split("/").map(encodeURIComponent).join("/");
    const place = namesFiles.get(file) === true ? JSON.stringify(path) : "";
    const here = `const ${HERE} = /* @__PURE__ */ __cascade_place(${place}); `;
    const [hashbang = ""] = /^#!.*\n/.exec(contents) ?? [];
    return { contents: hashbang + here + contents.slice(hashbang.length), loader };
  }

  /** Whether there is something to pack. */
  async function gather(file: string, text: string, loader: Loader): Promise<boolean> {
    const normal = await transform(text, {
      loader,
      minifyWhitespace: true,
      charset: "utf8",
      define: placeDefines,
      logLevel: "silent",
      tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
    }).catch(() => undefined); // The build shows what is wrong with it.
    if (normal === undefined || !normal.code.includes(HERE)) return false;
    const { files, isComputed } = readFilesBeside(normal.code);
    const shown = posix.normalize(relative(folder, file).split(sep).join("/"));
    const isOwn = !file.includes(`${sep}node_modules${sep}`);
    if (isComputed && isOwn) {
      problems.push(
        problem(
          "PACK_ASSET_MISSING",
          shown,
          `${shown} reads files beside itself by names that it makes up while it runs, so they cannot be found and packed`,
          `Name them in \`cascade.assets\` of package.json, and read them below \`ctx.assets\`.`,
        ),
      );
    }
    let isAny = false;
    for (const beside of files) {
      const isTaken = await take(file, beside);
      if (isTaken) isAny = true;
      else if (isOwn) warn(shown, beside);
    }
    return isAny;
  }

  function warn(shown: string, { path }: FileBeside): void {
    const named = posix.join(posix.dirname(shown), path);
    warnings.push(
      problem(
        "PACK_ASSET_MISSING",
        shown,
        `${shown} names ${named} by its own place, and there is no such file to pack`,
        `Correct the path, or name the file in \`cascade.assets\` and read it below \`ctx.assets\`.`,
      ),
    );
  }

  /** Whether there is something of that name. */
  async function take(module: string, { path, isFolder }: FileBeside): Promise<boolean> {
    const target = path === "" ? module : await fileAt(join(dirname(module), path));
    if (target === undefined) return false;
    const found = await stat(target).catch(() => undefined);
    if (found?.isDirectory() === true) {
      if (dirname(module).startsWith(target) || target === folder) return false;
      await takeFolder(target);
      return true;
    }
    if (found?.isFile() !== true || isFolder) return found?.isFile() === true;
    // TypeScript that is named as the JavaScript it compiles to is found by that name.
    const asked = IS_JAVASCRIPT.test(path) ? relativePlace(join(dirname(module), path)) : placeOf(target);
    if (IS_CODE.test(target)) code.set(`${MODULES_FOLDER}/${asked}`, target);
    else data.set(`${MODULES_FOLDER}/${placeOf(target)}`, target);
    return true;
  }

  async function takeFolder(target: string): Promise<void> {
    let count = 0;
    for (const entry of await readdir(target, { withFileTypes: true, recursive: true })) {
      const file = join(entry.parentPath, entry.name);
      const parts = relative(target, file).split(sep);
      if (!entry.isFile() || parts.some((part) => part === "node_modules" || isLeftBehind(part))) continue;
      if (++count > FOLDER_FILES) break;
      data.set(`${MODULES_FOLDER}/${relativePlace(file)}`, file);
    }
  }

  const relativePlace = (file: string) =>
    placeless(relative(folder, file).split(sep).join("/")).replaceAll("../", "up/");
  /** Node 20 runs no TypeScript. */
  const placeOf = (file: string) => relativePlace(file).replace(/\.[cm]?tsx?$/, ".mjs");

  return {
    load,
    takeData: () => [data, (data = new Map())][0]!,
    takeCode: () => [code, (code = new Map())][0]!,
    problems,
    warnings,
  };
}

/** Code may be named as its source or as what it is compiled to. */
async function fileAt(path: string): Promise<string | undefined> {
  const candidates = [
    path,
    ...["$1", ""].map((kind) => path.replace(/\.([cm]?)js$/, `.${kind}ts`)),
    ...(extname(path) === "" ? [`${path}.js`] : []),
  ];
  for (const candidate of candidates) if (await stat(candidate).catch(() => undefined)) return candidate;
  return undefined;
}

/** Where a module names TypeScript to be run, the packed file is JavaScript. */
function withRunnableNames(text: string): string {
  return text.replace(/(new URL\(\s*["'`]\.{1,2}\/[^"'`$]*)\.[cm]?ts(["'`]\s*,\s*import\.meta\.url)/g, "$1.mjs$2");
}

/** A `require` that a module makes for itself is one that esbuild can follow. */
function withRequires(text: string): string {
  const alias = /\bcreateRequire\s+as\s+([\w$]+)/.exec(text)?.[1];
  const create = `(?:[\\w$]+\\.)?(?:createRequire${alias === undefined ? "" : `|${alias.replaceAll("$", "\\$")}`})`;
  const declared = new RegExp(
    `\\b(?:const|let|var)\\s+([\\w$]+)(?=\\s*=\\s*${create}\\(\\s*import\\.meta\\.(?:url|filename)\\s*\\))`,
    "g",
  );
  let result = text;
  for (const [whole, name] of text.matchAll(declared)) {
    if (name === "require") result = result.replace(whole, whole.replace(/require$/, "__cascade_ownRequire"));
    else
      result = result.replace(
        new RegExp(`(?<![\\w$.])${name!.replaceAll("$", "\\$")}(?=\\s*\\(\\s*["'\`])`, "g"),
        "require",
      );
  }
  return result.replace(
    new RegExp(`(?<![\\w$.])${create}\\(\\s*import\\.meta\\.url\\s*\\)(?=\\s*\\(\\s*["'\`])`, "g"),
    "require",
  );
}

function loaderOf(file: string): Loader {
  return /\.[cm]?([jt]sx?)$/.exec(file)![1] as Loader;
}

/** JavaScript by that `tsconfig.json`, with a map to the source; undefined when esbuild has something to say about it. */
async function compile(file: string, contents: string, tsconfig: string): Promise<string | undefined> {
  const result = await build({
    stdin: { contents, sourcefile: file, loader: loaderOf(file), resolveDir: dirname(file) },
    absWorkingDir: dirname(file),
    outfile: file,
    allowOverwrite: true,
    write: false,
    sourcemap: "inline",
    sourcesContent: false,
    target: "esnext",
    charset: "utf8",
    tsconfig,
    logLevel: "silent",
  }).catch(() => undefined);
  return result?.outputFiles[0]?.text;
}
