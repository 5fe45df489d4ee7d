import { SourceMap } from "node:module";
import { type Digest, sha256 } from "../../kernel/digest.ts";
import { readDefinitionCalls, type Span } from "./definition-calls.ts";
import type { Bundle } from "./bundle.ts";
import type { DescribedBundle, DescribedFunction } from "./described.ts";
import { SDK_NAMESPACE } from "./resolve-imports.ts";

/** What a bundle holds beside the functions of its tasks and the definitions. */
export interface CodeParts {
  /** By path relative to the package, and by folder for a dependency: digest of what that source has put into the bundle. */
  sources: Readonly<Record<string, Digest>>;
  /** By workflow whose schema of params is written in its options: digest of that code. */
  schemas: Readonly<Record<string, Digest>>;
}

export const noCode: CodeParts = { sources: {}, schemas: {} };

/** Comments are no part of it, nor is where the sources lie. */
export function codePartsOf({ code, map }: Bundle, { workflows, calls }: DescribedBundle): CodeParts {
  const functions = workflows.flatMap((workflow) => workflow.functions).flatMap((it) => spanOf(it, code) ?? []);
  const definitions = readDefinitionCalls(code, { calls, workflows: workflows.map(({ call }) => call), functions });
  const spans = union([...functions, ...definitions.spans]);
  const texts = new Map<string, string>();
  let first = 0;
  for (const { source, start, end } of linesBySource(code, map)) {
    if (source.startsWith(`${SDK_NAMESPACE}:`)) continue;
    while (first < spans.length && spans[first]!.end <= start) first++;
    const name = /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(source)?.[0] ?? source;
    texts.set(name, (texts.get(name) ?? "") + without(code, spans, first, { start, end }));
  }
  const schemas = workflows.flatMap(({ value, call }) => {
    const span = call === null ? undefined : definitions.schemas.get(call);
    const { name } = value as { name?: unknown };
    return span && typeof name === "string" ? [[name, sha256(code.slice(span.start, span.end))] as const] : [];
  });
  return {
    sources: Object.fromEntries([...texts].map(([name, text]) => [name, sha256(text)])),
    schemas: Object.fromEntries(schemas),
  };
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
