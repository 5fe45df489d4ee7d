import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import { isJsonObject, type Json } from "../kernel/json.ts";

/**
 * The params of a run: `--params` as JSON text or `@file`, and over it each `-p key=value`, whose value is JSON if it
 * parses and else a text. Without both `{}`. Throws `USAGE` or `JSON_INVALID`.
 */
export function readParams(whole: string | undefined, pairs: readonly string[], workingDir: string): Json {
  const base = whole === undefined ? {} : parseWhole(whole, workingDir);
  if (pairs.length === 0) return base;
  if (!isJsonObject(base)) throw new CascadeError("USAGE", "-p adds to an object, and --params is not one");
  return { ...(base as Record<string, Json>), ...Object.fromEntries(pairs.map(parsePair)) };
}

function parseWhole(text: string, workingDir: string): Json {
  const isFile = text.startsWith("@");
  const json = isFile ? readText(resolve(workingDir, text.slice(1))) : text;
  try {
    return JSON.parse(json) as Json;
  } catch (error) {
    const place = isFile ? text.slice(1) : "--params";
    throw new CascadeError("JSON_INVALID", `${place} is not JSON: ${toCascadeError(error).message}`, {
      cause: error,
      hint: `Write JSON such as '{"date": "2026-01-31"}', or @ and the name of a file that holds it.`,
    });
  }
}

function parsePair(pair: string): [string, Json] {
  const equals = pair.indexOf("=");
  if (equals < 1) throw new CascadeError("USAGE", `-p takes key=value, not ${pair}`);
  const value = pair.slice(equals + 1);
  try {
    return [pair.slice(0, equals), JSON.parse(value) as Json];
  } catch {
    return [pair.slice(0, equals), value];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CascadeError("USAGE", `cannot read ${path}: ${toCascadeError(error).message}`, { cause: error });
  }
}
