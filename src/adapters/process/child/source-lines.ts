import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";

/** Rewrites places in the bundle into places in the author's source, in stacks and whatever else prints them. */
export type SourceLines = (text: string) => string;

/**
 * The map is read when the first such place shows up: mapping by `--enable-source-maps` would cost every start 10 ms.
 * Without a map, texts stay as they are.
 */
export function createSourceLines(bundlePath: string): SourceLines {
  const place = new RegExp(`(?:file://)?${escapePattern(bundlePath)}:(\\d+):(\\d+)`, "g");
  let map: SourceMap | null | undefined;
  return (text) => {
    if (!text.includes(bundlePath)) return text;
    map ??= readMap(`${bundlePath}.map`);
    if (map === null) return text;
    const { findEntry } = map;
    return text.replaceAll(place, (found, line: string, column: string) => {
      const entry = findEntry.call(map, Number(line) - 1, Number(column) - 1);
      if (!("originalSource" in entry)) return found;
      return `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    });
  };
}

function readMap(path: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(path, "utf8")) as SourceMapPayload);
  } catch {
    return null;
  }
}

function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
