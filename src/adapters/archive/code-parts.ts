import { SourceMap } from "node:module";
import { type Loader, transform } from "esbuild";
import { type Digest, sha256 } from "../../kernel/digest.ts";
import { readDefinitionCalls, type Span } from "./definition-calls.ts";
import type { Bundle } from "./bundle.ts";
import type { DescribedBundle, DescribedFunction } from "./described.ts";
import { SDK_NAMESPACE } from "./resolve-imports.ts";

/** What a bundle holds beside the functions of its tasks and the definitions. */
export interface CodeParts {
  /** By path relative to the package, and by folder for a dependency. */
  sources: Readonly<Record<string, Digest>>;
  /** By workflow whose schema of params is written in its options: digest of that code. */
  schemas: Readonly<Record<string, Digest>>;
}

export const noCode: CodeParts = { sources: {}, schemas: {} };

/**
 * Comments are no part of it, nor is where the sources lie. A source that holds a task or a definition counts by what is left of
 * it in the bundle; any other one by itself, so that neither what is used of it nor what else is there changes its digest.
 */
export async function codePartsOf(bundle: Bundle, { workflows, calls }: DescribedBundle): Promise<CodeParts> {
  const { code } = bundle;
  const functions = workflows.flatMap((workflow) => workflow.functions).flatMap((it) => spanOf(it, code) ?? []);
  const definitions = readDefinitionCalls(code, { calls, workflows: workflows.map(({ call }) => call), functions });
  const left = leftInBundle(bundle, union([...functions, ...definitions.spans]));
  const sources: Record<string, Digest> = {};
  for (const [name, part] of left)
    sources[name] = (part.isWhole ? await ownDigest(bundle, name) : null) ?? sha256(part.text);
  const schemas = workflows.flatMap(({ value, call }) => {
    const span = call === null ? undefined : definitions.schemas.get(call);
    const { name } = value as { name?: unknown };
    return span && typeof name === "string" ? [[name, sha256(code.slice(span.start, span.end))] as const] : [];
  });
  return { sources, schemas: Object.fromEntries(schemas) };
}

const DEPENDENCY = /^node_modules\/(?:@[^/]+\/)?[^/]+/;

/** What each source, or folder of a dependency, has in the bundle beside the spans, and whether that is all of it. */
function leftInBundle({ code, map }: Bundle, spans: readonly Span[]): Map<string, { text: string; isWhole: boolean }> {
  const left = new Map<string, { text: string; isWhole: boolean }>();
  let first = 0;
  for (const { source, start, end } of linesBySource(code, map)) {
    if (source.startsWith(`${SDK_NAMESPACE}:`)) continue;
    while (first < spans.length && spans[first]!.end <= start) first++;
    const name = DEPENDENCY.exec(source)?.[0] ?? source;
    const before = left.get(name) ?? { text: "", isWhole: true };
    const text = without(code, spans, first, { start, end });
    left.set(name, { text: before.text + text, isWhole: before.isWhole && text.length === end - start });
  }
  return left;
}

/** Of all files of a dependency that were read, or of a source's code as the bundler writes it, without comments and layout. */
async function ownDigest({ inputs, tsconfig }: Bundle, name: string): Promise<Digest | null> {
  if (DEPENDENCY.test(name)) {
    const files = inputs.filter((input) => input.name.startsWith(`${name}/`));
    const lines = files.map((input) => `${sha256(input.contents)} ${input.name}\n`);
    return sha256(lines.sort().join(""));
  }
  const contents = inputs.find((input) => input.name === name)?.contents;
  const language = /\.[cm]?([jt]sx?)$/.exec(name)?.[1];
  if (contents === undefined || language === undefined) return contents ? sha256(contents) : null;
  const options = { charset: "utf8", legalComments: "none", tsconfigRaw: tsconfig } as const;
  // What can be read in the bundle and not alone counts by its part of it.
  const alone = await transform(contents, { ...options, loader: language as Loader }).catch(() => null);
  return alone && sha256(alone.code);
}

/** Where a function's text stands: the one place of it that holds the offset. */
function spanOf(described: DescribedFunction | null, code: string): Span | undefined {
  if (described === null || described.at === null) return undefined;
  const { text, at } = described;
  const start = code.lastIndexOf(text, at);
  return start < 0 || start + text.length <= at ? undefined : { start, end: start + text.length };
}

/** Sorted and without overlaps. */
function union(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const { start, end } of spans.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}

/** A line's text without the spans, of which the one at `first` may be the first to touch it. */
function without(code: string, spans: readonly Span[], first: number, { start, end }: Span): string {
  let kept = "";
  let from = start;
  for (let index = first; from < end && index < spans.length && spans[index]!.start < end; index++) {
    kept += code.slice(from, Math.max(from, spans[index]!.start));
    from = Math.max(from, spans[index]!.end);
  }
  return from < end ? kept + code.slice(from, end) : kept;
}

/**
 * Each line of the bundle with the source it comes from. A line without a mapping belongs to the source before it, or to the
 * one that the bundler has just announced in a comment of its own. What is before the first source is the bundler's.
 */
function* linesBySource(code: string, mapText: string): Generator<Span & { source: string }> {
  const payload = JSON.parse(mapText) as ConstructorParameters<typeof SourceMap>[0];
  const map = new SourceMap(payload);
  const announced = new Map(payload.sources.map((source) => [`// ${source}`, source]));
  let source: string | undefined;
  let start = 0;
  for (const [line, text] of code.split("\n").entries()) {
    const end = start + text.length + 1;
    const next = announced.get(text);
    if (next !== undefined) source = next;
    else {
      const entry = map.findEntry(line, text.length);
      if ("originalSource" in entry && entry.generatedLine === line) source = entry.originalSource;
      if (source !== undefined) yield { source, start, end: Math.min(end, code.length) };
    }
    start = end;
  }
}
