import { posix } from "node:path";

/** Names that stand in a module's text for what it asks of its own place; see `module-places.ts`. */
export const HERE = "__cascade_here";

/** A file or folder that a module names by its own place. */
export interface FileBeside {
  /** Relative to the module's folder; "" is the module itself. */
  path: string;
  /** Only the beginning of the path is known: whatever lies in this folder may be meant. */
  isFolder: boolean;
}

export interface PlaceReading {
  files: readonly FileBeside[];
  /** The module asks for a file beside itself by a name that it makes up while it runs. */
  isComputed: boolean;
}

/** An expression for a folder, as a pattern, and that folder by the module's own. */
interface Folder {
  pattern: string;
  path: string;
}

const here = escaped(HERE);
const text = `"([^"]*)"`;
const texts = `((?:,"[^"]*")*)`;
const toFolder = `(?:[\\w$]+\\.)?(?:dirname|fileURLToPath)\\(`;
const ownFolder = [
  `${here}\\.dirname`,
  `(?:${toFolder})+(?:new URL\\("\\.\\/?",)?${here}\\.(?:url|filename)\\)+`,
  `new URL\\("\\.\\/?",${here}\\.url\\)(?:\\.pathname)?`,
].join("|");
const join = `(?:[\\w$]+(?:\\.default)?\\.)?(?:join|resolve)\\(`;

/**
 * Reads, in a module as esbuild writes it without spaces and with `HERE` in the place of `__dirname`, `import.meta.url` and
 * the like, which files it names by them. What is known is what people write: `new URL("./x", …)`, `join(…, "x")`,
 * a sum or a template, `require.resolve("./x")`, and constants that hold a folder.
 */
export function readFilesBeside(code: string): PlaceReading {
  const named: FileBeside[] = [];
  const folders = foldersIn(code);
  const url = anyOf([`${HERE}.url`, ...constants(code, `${here}\\.url`).map(([, name]) => name!)]);
  const add = (path: string, { isFolder = false } = {}) => {
    const normal = posix.normalize(path || ".").replace(/\/$/, "");
    named.push({ path: normal, isFolder });
  };
  /** What comes after a name that is made up at run time is not known, and what comes before it is a folder. */
  const addStart = (path: string) => add(path.slice(0, path.lastIndexOf("/") + 1), { isFolder: true });
  const each = (pattern: string, take: (groups: (string | undefined)[]) => void) => {
    for (const [, ...groups] of code.matchAll(new RegExp(pattern, "g"))) take(groups);
  };

  each(`new URL\\(${text},${url}\\)`, ([path]) => {
    if (path && !/^(?:[a-z]+:|\/|\.\/?$)/i.test(path)) add(decoded(path));
  });
  each(`new URL\\(\`([^\`$]*)\\$\\{[^\`]*\`,${url}\\)`, ([path]) => addStart(path!));
  each(`${here}\\.(?:resolve|importResolve)\\("(\\.[^"]*)"\\)`, ([path]) => add(path!));
  for (const { pattern, path: folder } of folders) {
    each(`${join}${pattern}${texts}([,)])`, ([names, end]) => {
      const path = [folder, ...partsOf(names!)].join("/");
      if (end === ",") add(path, { isFolder: true });
      else if (names !== "") add(path);
    });
    each(`${pattern}\\+${text}(\\+)?`, ([path, more]) => (more === undefined ? add : addStart)(`${folder}${path}`));
    each(`\\$\\{${pattern}\\}([^\`$]*)(\`|\\$)`, ([path, end]) => (end === "`" ? add : addStart)(`${folder}${path}`));
  }
  const itself = `(?:new URL\\(|(?:[\\w$]+\\.)?fileURLToPath\\()?${here}\\.(?:url|filename)`;
  each(`(?:Worker|fork)\\((${itself})[,)]`, () => named.push({ path: "", isFolder: false }));
  const files = named.filter(({ path, isFolder }) => !isFolder || !/^[./]*$/.test(path));
  return { files, isComputed: files.length < named.length };
}

/** The module's folder, and constants that hold it or one that is named from it. */
function foldersIn(code: string): Folder[] {
  const folders: Folder[] = [{ pattern: `(?<![\\w$.])(?:${ownFolder})`, path: "." }];
  for (const { pattern, path } of folders) {
    const found = [
      ...constants(code, pattern).map(([, name]) => ({ name: name!, path })),
      ...constants(code, `${join}${pattern}${texts}\\)`).map(([, name, names]) => ({
        name: name!,
        path: posix.join(path, ...partsOf(names!)),
      })),
    ];
    for (const constant of found) {
      const known = `(?<![\\w$.])${escaped(constant.name)}(?![\\w$])`;
      if (!folders.some((folder) => folder.pattern === known)) folders.push({ pattern: known, path: constant.path });
    }
  }
  return folders;
}

/** Names that are set to such a value, with what it captures. */
function constants(code: string, value: string): RegExpExecArray[] {
  return [...code.matchAll(new RegExp(`(?<![\\w$.])([\\w$]+)=(?:${value})(?=[;,\\n]|$)`, "g"))];
}

function partsOf(names: string): string[] {
  return [...names.matchAll(/"([^"]*)"/g)].map(([, name]) => name!);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path.replace(/[?#].*$/, ""));
  } catch {
    return path;
  }
}

function anyOf(names: readonly string[]): string {
  return `(?:${names.map(escaped).join("|")})`;
}

function escaped(literal: string): string {
  return literal.replace(/[.$^*+?()[\]{}|\\]/g, "\\$&");
}
