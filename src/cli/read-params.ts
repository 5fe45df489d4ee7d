import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { ParamTexts } from "../app/param-text.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import { isJsonObject, type Json } from "../kernel/json.ts";
import { parseJson } from "../kernel/json-text.ts";

/** A param as it stands on the command line. */
export interface ParamPair {
  name: string;
  text: string;
}

/** `-p name=text`, each of them. Throws `USAGE`. */
export function readPairs(pairs: readonly string[]): ParamPair[] {
  const read = pairs.map((pair): ParamPair => {
    const equals = pair.indexOf("=");
    if (equals < 1) throw new CascadeError("USAGE", `-p takes key=value, not ${pair}`);
    return { name: pair.slice(0, equals), text: pair.slice(equals + 1) };
  });
  const names = new Set<string>();
  for (const { name } of read) {
    if (names.has(name)) throw new CascadeError("USAGE", `-p ${name} is given twice`);
    names.add(name);
  }
  return read;
}

/** `--params` as JSON text or `@file`; without it `{}`. Throws `USAGE` or `JSON_INVALID`. */
export function readWholeParams(whole: string | undefined, workingDir: string): Json {
  if (whole === undefined) return {};
  if (!whole.startsWith("@")) return parseJson(whole, "--params").value;
  const file = whole.slice(1);
  return parseJson(readBytes(resolve(workingDir, file)), file).value;
}

/** The params with each pair over them, read as `texts` tells. Throws `USAGE` or `PARAMS_INVALID`. */
export function withPairs(base: Json, pairs: readonly ParamPair[], texts: ParamTexts): Json {
  if (!isJsonObject(base)) throw new CascadeError("USAGE", "-p adds to an object, and --params is not one");
  const given = pairs.map(({ name, text }) => [name, texts(name, text)] as const);
  return { ...(base as Record<string, Json>), ...Object.fromEntries(given) };
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CascadeError("USAGE", `cannot read ${path}: ${toCascadeError(error).message}`, { cause: error });
  }
}
