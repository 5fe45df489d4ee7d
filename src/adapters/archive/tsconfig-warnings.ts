import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { transform } from "esbuild";
import { type Problem, problem } from "../../kernel/errors.ts";
import { findDependency } from "./linked-dependencies.ts";

const MAX_EXTENDS = 20;

/** What a `tsconfig.json` wants that the bundler does not do. */
export async function configWarnings(folder: string, text: string | null): Promise<Problem[]> {
  if (text === null || (await metadataSetting(join(folder, "tsconfig.json"), text, MAX_EXTENDS)) !== true) return [];
  return [
    problem(
      "PACK_SUSPECT",
      "tsconfig.json compilerOptions.emitDecoratorMetadata",
      "emitDecoratorMetadata has no effect: the bundler does not know types, so decorators find no `design:type` at run time",
      "Name the types in the decorators' arguments, or compile with tsc and make its JavaScript the entry.",
    ),
  ];
}

/** The option in a file or in what it extends, where the last one counts. */
async function metadataSetting(file: string, text: string, depth: number): Promise<boolean | undefined> {
  // A tsconfig.json may hold comments and trailing commas: JavaScript, which the bundler writes again without them.
  const plain = await transform(`x = ${text.replace(/^\uFEFF/, "")}`, {
    minifyWhitespace: true,
    logLevel: "silent",
  }).catch(
    () => undefined, // The build shows what is wrong with it.
  );
  if (plain === undefined) return undefined;
  const own = /[{,]"?emitDecoratorMetadata"?:(true|false)/.exec(plain.code)?.[1];
  if (own !== undefined || depth === 0) return own === undefined ? undefined : own === "true";
  const [, list = ""] = /[{,]"?extends"?:(\[[^\]]*\]|"[^"]*")/.exec(plain.code) ?? [];
  for (const [, name] of [...list.matchAll(/"([^"]*)"/g)].toReversed()) {
    const base = await readBase(dirname(file), name!);
    const inherited = base && (await metadataSetting(base.file, base.text, depth - 1));
    if (inherited !== undefined) return inherited;
  }
  return undefined;
}

async function readBase(folder: string, name: string): Promise<{ file: string; text: string } | undefined> {
  const [, owner, rest] = /^((?:@[^/]+\/)?[^./][^/]*)(.*)$/.exec(name) ?? [];
  const start =
    owner === undefined
      ? isAbsolute(name)
        ? name
        : join(folder, name)
      : join(findDependency(folder, owner) ?? "", rest!);
  for (const file of [start, `${start}.json`, join(start, "tsconfig.json")]) {
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text !== undefined) return { file, text };
  }
  return undefined;
}
