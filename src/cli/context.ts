import { InvalidArgumentError, Option } from "commander";
import type { Io } from "./io.ts";

/** What every command is given. */
export interface CliContext {
  io: Io;
  /** The exit code of a command that ends without an error but not with 0. */
  end(code: number): void;
}

/** Options that several commands take; each command adds those that have an effect on it. */
export const shared = {
  data: () => new Option("--data <folder>", "the daemon's data folder"),
  json: () => new Option("--json", "print JSON"),
  limit: (what: string, fallback: number) =>
    new Option("--limit <count>", `at most so many ${what}`).argParser(positiveInteger).default(fallback),
};

export interface DataOption {
  data?: string;
}
export interface JsonOption {
  json?: true;
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value === 0) {
    throw new InvalidArgumentError("It is not a positive whole number.");
  }
  return value;
}

/** The end of an earlier list: what it printed after `--cursor`. */
export function listCursor(text: string): string {
  if (/^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{1,15})$/.test(text)) return text;
  throw new InvalidArgumentError("It is not what an earlier list printed after --cursor.");
}

/** Gathers the values of an option that may be repeated. */
export function repeated(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
