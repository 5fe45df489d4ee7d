import { isVersion } from "./manifest-check.ts";
import type { Digest } from "../kernel/digest.ts";

const COMMANDS_ENDING = ".cascade.yaml";

/** `archive`: what `cascade pack` writes. `commands`: a workflow of shell commands in YAML, a package by itself. */
export type PackageFileKind = "archive" | "commands";

/** What a file of this name in a watched folder is taken for; undefined for one that is passed over. */
export function packageFileKind(fileName: string): PackageFileKind | undefined {
  if (fileName.startsWith(".")) return undefined;
  if (fileName.endsWith(".cascade")) return "archive";
  return fileName.endsWith(COMMANDS_ENDING) && fileName !== COMMANDS_ENDING ? "commands" : undefined;
}

/** The name of the package that a file of commands is. */
export function commandsName(fileName: string): string {
  return fileName.slice(0, -COMMANDS_ENDING.length);
}

const DIGITS = 12;

/** The version of a file of commands, by its digest: the same content is the same version, and no two have an order. */
export function contentVersion(digest: Digest): string {
  const version = `0.0.0-${digest.slice(0, DIGITS)}`;
  // Digits alone would be a number, which may not begin with zero.
  return isVersion(version) ? version : `0.0.0-${digest.slice(0, DIGITS)}x`;
}

/** Whether a version says nothing but what the content is. */
export function isContentVersion(version: string): boolean {
  return /^0\.0\.0-[0-9a-f]{12}x?$/.test(version);
}
