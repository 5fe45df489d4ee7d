import { readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { createPackageArchive } from "../adapters/archive/package-archive.ts";
import { createPackageBuilder } from "../adapters/archive/package-builder.ts";
import { scaffold } from "../adapters/archive/scaffold.ts";
import { createSchemaRules } from "../adapters/checks/schema-rules.ts";
import { createCalendar } from "../adapters/time/calendar.ts";
import type { Manifest } from "../domain/manifest.ts";
import { CascadeError, type Problem, problem, systemErrorCode } from "../kernel/errors.ts";
import type { BuiltPackage } from "../ports/package-builder.ts";
import { commandChecks } from "./check-thread.ts";
import type { Program } from "./program.ts";
import { systemClock } from "./system-clock.ts";

/** Importing a bundle takes a fraction of a second; what takes longer does work that belongs into a task. */
const DESCRIBE_LIMIT_MS = 30_000;

/** What a package holds, or everything that is wrong with it. */
export type Verdict = { warnings: readonly Problem[] } & (
  { manifest: Manifest; problems: readonly [] } | { manifest: null; problems: readonly Problem[] }
);

/** What authors do before there is a daemon. Paths are absolute. */
export interface Authoring {
  /** Makes a package folder and resolves to the files written. */
  scaffold(folder: string): Promise<readonly string[]>;
  build(folder: string): Promise<BuiltPackage>;
  /** Looks into a package folder or a `.cascade` file. */
  validate(path: string): Promise<Verdict>;
}

export function createAuthoring(program: Program): Authoring {
  const calendar = createCalendar();
  const builder = createPackageBuilder({
    ...program,
    calendar,
    schemas: createSchemaRules({ isQuick: false }),
    tempFolder: tmpdir(),
    clock: systemClock,
    timeLimitMs: DESCRIBE_LIMIT_MS,
  });

  async function validateFolder(folder: string): Promise<Verdict> {
    const { built, problems, warnings } = await builder.inspect(folder);
    return built === null
      ? { manifest: null, problems, warnings }
      : { manifest: built.manifest, problems: [], warnings };
  }

  async function validateFile(path: string): Promise<Verdict> {
    const archive = createPackageArchive({ checks: commandChecks() });
    const reading = await archive.read(readFileSync(path));
    const error = reading.kind === "whole" ? await archive.check(reading.content) : reading.error;
    if (reading.kind === "whole" && !error) return { manifest: reading.content.manifest, problems: [], warnings: [] };
    const { code, message, hint, problems } = error!;
    const all = problems.length > 0 ? problems : [problem(code, path, message, hint)];
    return { manifest: null, problems: all, warnings: [] };
  }

  return {
    scaffold: (folder) =>
      scaffold(folder, { sdk: program.sdkTypes, zod: program.zodFolder, nodeTypes: program.nodeTypes }),
    build: (folder) => builder.build(folder),
    async validate(path) {
      try {
        return statSync(path).isDirectory() ? await validateFolder(path) : await validateFile(path);
      } catch (error) {
        if (systemErrorCode(error) !== "ENOENT") throw error;
        throw new CascadeError("PACK_ENTRY_MISSING", `there is no ${path}`, {
          hint: "Name a package folder or a .cascade file.",
          cause: error,
        });
      }
    },
  };
}
