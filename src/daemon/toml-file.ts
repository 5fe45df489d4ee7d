import { parse, TomlError } from "smol-toml";

export interface TomlFile {
  table: Record<string, unknown>;
  /** Line, from 1, of each key and table by its full dotted name; names that TOML writes in rarer ways may be absent. */
  lines: ReadonlyMap<string, number>;
}

/** Reads TOML text, or says at which line it stops being TOML. */
export function readToml(text: string): TomlFile | { wrong: string; line: number } {
  try {
    return { table: parse(text), lines: keyLines(text) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The first line is the reason; the rest repeats the source.
    const reason = error.message.split("\n", 1)[0]!.replace("Invalid TOML document: ", "");
    return { wrong: `not TOML: ${reason}`, line: error.line };
  }
}

const TABLE = /^\s*\[\s*([\w.-]+)\s*\]/;
const KEY = /^\s*([\w.-]+|"[^"]*"|'[^']*')\s*=/;

// The parser gives no places, so they are found again from the text; a place is an aid, never a decision.
function keyLines(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  let table = "";
  for (const [index, line] of text.split("\n").entries()) {
    const header = TABLE.exec(line)?.[1];
    const key = KEY.exec(line)?.[1]?.replace(/^["'](.*)["']$/, "$1");
    if (header !== undefined) table = `${header}.`;
    const name = header ?? (key === undefined ? undefined : table + key);
    if (name !== undefined && !lines.has(name)) lines.set(name, index + 1);
  }
  return lines;
}
