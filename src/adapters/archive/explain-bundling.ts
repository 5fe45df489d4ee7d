import { builtinModules } from "node:module";
import { join } from "node:path";
import type { BuildFailure, Message } from "esbuild";
import { type Problem, problem } from "../../kernel/errors.ts";
import { nearestName } from "../../kernel/nearest.ts";
import type { ImportTrace, LeftOut } from "./import-trace.ts";
import type { NativeImport } from "./native-modules.ts";
import { placeless } from "./placeless.ts";
import { SDK_NAMESPACE, UNKNOWN_BUILTIN } from "./resolve-imports.ts";

export function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors);
}

/** What the bundler says, with its place, and the way out. */
export function explain(message: Message, folder: string, trace: ImportTrace): Problem {
  const { location, text } = message;
  const file = location === null ? undefined : placeless(location.file.replace(`${SDK_NAMESPACE}:`, ""));
  const place = location === null ? "package" : `${file}:${location.line}:${location.column + 1}`;
  const importer = location === null ? undefined : join(folder, location.file);
  const chainTo = (name: string) => trace.chain(importer, name, folder).map(placeless).join(" → ");

  const unresolved = /^Could not resolve "(.*)"$/.exec(text)?.[1];
  if (unresolved !== undefined) return unresolvedProblem(place, unresolved, chainTo(unresolved), file);
  const pattern = /^Could not resolve (?:require|import)\("(.*)"\)$/.exec(text)?.[1];
  if (pattern?.endsWith(".node") === true) {
    const chain = trace.chain(importer, pattern, folder).slice(0, -1);
    return explainNative({ chain, specifier: pattern, at: `:${location!.line}:${location!.column + 1}` });
  }
  if (pattern !== undefined) return unresolvedProblem(place, pattern, chainTo(pattern), file);
  if (message.detail === UNKNOWN_BUILTIN) return unresolvedProblem(place, text, chainTo(text), file);
  return problem("PACK_BUNDLE_FAILED", place, text);
}

/** For an import of what is not installed that runs only when the program gets there. */
export function explainMissing({ importer, specifier }: LeftOut, folder: string, trace: ImportTrace): Problem {
  const chain = trace.chain(importer, specifier, folder).map(placeless);
  const { code, place, message, hint } = unresolvedProblem(
    chain.at(-2) ?? "package",
    specifier,
    chain.join(" → "),
    chain.at(-2),
  );
  return problem(code, place, `${message}; what gets there fails`, hint);
}

export function explainNative({ chain, specifier, at }: NativeImport): Problem {
  const file = chain.map(placeless).at(-1)!;
  const name = file.startsWith("node_modules/") ? packageOf(file.slice("node_modules/".length)) : (specifier ?? file);
  const how = specifier?.endsWith(".node") === true ? "is" : "loads";
  const path = [...chain.map(placeless), ...(specifier === null ? [] : [specifier])].join(" → ");
  return problem(
    "PACK_NATIVE_MODULE",
    `${file}${at}`,
    `"${name}" ${how} a native module (${path})`,
    `A package runs on any machine, so compiled add-ons cannot be packed. Use a dependency written in JavaScript or a program with \`exec\`, or, if no task of yours gets there, leave it out: "cascade": { "external": ["${name}"] } in package.json.`,
  );
}

function unresolvedProblem(place: string, name: string, chain: string, file = "the source"): Problem {
  return problem("PACK_UNRESOLVED", place, `cannot find "${name}" (${chain})`, unresolvedHint(name, file));
}

function unresolvedHint(name: string, file: string): string {
  if (name.startsWith("node:")) {
    const meant = nearestName(name.slice("node:".length), builtinModules);
    return meant === undefined ? `Node ${process.versions.node} has no such module.` : `Did you mean "node:${meant}"?`;
  }
  if (/^[./#]/.test(name)) return `Correct the import in ${file}.`;
  const owner = packageOf(name);
  if (nearestName(owner, ["cascaded"]) !== undefined) return `Did you mean "cascaded"? Correct the import in ${file}.`;
  const external = `"cascade": { "external": ["${owner}"] } in package.json`;
  return `Run \`npm install ${owner}\` in the package folder, or correct the import in ${file}, or, if it is meant to be missing, write ${external}.`;
}

/** The name to install: `@scope/name` of `@scope/name/part`. */
function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}
