import { readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename } from "node:path";
import { checkTypes } from "../adapters/archive/check-types.ts";
import { createPackageArchive } from "../adapters/archive/package-archive.ts";
import { createPackageBuilder } from "../adapters/archive/package-builder.ts";
import { scaffold, type ScaffoldLanguage } from "../adapters/archive/scaffold.ts";
import { createSchemaRules } from "../adapters/checks/schema-rules.ts";
import { createCalendar } from "../adapters/time/calendar.ts";
import type { Manifest } from "../domain/manifest.ts";
import { packageFileKind } from "../domain/package-file.ts";
import { CascadeError, type Problem, problem, systemErrorCode } from "../kernel/errors.ts";
import type { BuiltPackage } from "../ports/package-builder.ts";
import { commandChecks } from "./check-thread.ts";
import type { Program } from "./program.ts";
import { systemClock } from "./system-clock.ts";

/** Importing a bundle takes a fraction of a second; what takes longer does work that belongs into a task. */
const DESCRIBE_LIMIT_MS = 30_000;

/** Why types were not checked; null when they were, or when there are none. */
export type TypesNote = string | null;

/** What a package holds, or everything that is wrong with it. */
export type Verdict = { warnings: readonly Problem[]; types: TypesNote } & (
  { manifest: Manifest; problems: readonly [] } | { manifest: null; problems: readonly Problem[] }
);

/** What authors do before there is a daemon. Paths are absolute. */
export interface Authoring {
  /** Makes a package folder and resolves to the files written. */
  scaffold(folder: string, language: ScaffoldLanguage): Promise<readonly string[]>;
  /** Rejects with every problem, those of the package's own type checker included. */
  build(folder: string): Promise<BuiltPackage & { types: TypesNote }>;
  /** Looks into a package folder or a `.cascade` file. */
  validate(path: string): Promise<Verdict>;
}

export function createAuthoring(program: Program): Authoring {
  const calendar = createCalendar();
  const types = { sdk: program.sdkTypes, zod: program.zodFolder, nodeTypes: program.nodeTypes };
  const builder = createPackageBuilder({
    ...program,
    calendar,
    schemas: createSchemaRules({ isQuick: false }),
    tempFolder: tmpdir(),
    clock: systemClock,
    timeLimitMs: DESCRIBE_LIMIT_MS,
  });

  async function typesOf(
    folder: string,
    { manifest }: BuiltPackage,
  ): Promise<{ problems: readonly Problem[]; types: TypesNote }> {
    if (!isTypeScript(manifest)) return { problems: [], types: null };
    const reading = await checkTypes(folder, { nodePath: program.nodePath, types, clock: systemClock });
    return reading.checked ? { problems: reading.problems, types: null } : { problems: [], types: reading.reason };
  }

  async function validateFolder(folder: string): Promise<Verdict> {
    const { built, problems, warnings } = await builder.inspect(folder);
    if (built === null) return { manifest: null, problems, warnings, types: null };
    const found = await typesOf(folder, built);
    if (found.problems.length > 0) return { manifest: null, warnings, ...found };
    return { manifest: built.manifest, problems: [], warnings, types: found.types };
  }

  async function buildFolder(folder: string): Promise<BuiltPackage & { types: TypesNote }> {
    const built = await builder.build(folder);
    const { problems, types: note } = await typesOf(folder, built);
    const [first] = problems;
    if (first) throw new CascadeError(first.code, `${first.place}: ${first.message}`, { hint: first.hint, problems });
    return { ...built, types: note };
  }

  async function validateFile(path: string): Promise<Verdict> {
    const archive = createPackageArchive({ checks: commandChecks() });
    const reading = await archive.read(readFileSync(path));
    const error = reading.kind === "whole" ? await archive.check(reading.content) : reading.error;
    if (reading.kind === "whole" && !error) {
      return { manifest: reading.content.manifest, problems: [], warnings: [], types: null };
    }
    const { code, message, hint, problems } = error!;
    const all = problems.length > 0 ? problems : [problem(code, path, message, hint)];
    return { manifest: null, problems: all, warnings: [], types: null };
  }

  return {
    scaffold: (folder, language) => scaffold(folder, types, language),
    build: buildFolder,
    async validate(path) {
      try {
        return isSource(path) ? await validateFolder(path) : await validateFile(path);
      } catch (error) {
        if (systemErrorCode(error) !== "ENOENT") throw error;
        throw new CascadeError("PACK_ENTRY_MISSING", `there is no ${path}`, {
          hint: "Name a package folder, a .cascade file or a .cascade.yaml file.",
          cause: error,
        });
      }
    },
  };
}

/** A folder, or a file of commands: what `pack` makes a package of. */
function isSource(path: string): boolean {
  return statSync(path).isDirectory() || packageFileKind(basename(path)) === "commands";
}

function isTypeScript({ fingerprint }: Manifest): boolean {
  const sources = Object.keys(fingerprint.sources ?? {});
  return sources.some((source) => !source.startsWith("node_modules/") && /\.[cm]?tsx?$/.test(source));
}
