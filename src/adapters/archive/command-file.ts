import type { DefinitionRules } from "../../domain/definition-check.ts";
import { createFieldCheck, formatPath } from "../../domain/field-check.ts";
import type { Manifest } from "../../domain/manifest.ts";
import { checkWorkflows } from "../../domain/manifest-check.ts";
import { commandsName, contentVersion } from "../../domain/package-file.ts";
import { NAME_PATTERN } from "../../domain/workflow.ts";
import { sha256 } from "../../kernel/digest.ts";
import { CascadeError, type Problem } from "../../kernel/errors.ts";
import { buildManifest } from "./build-manifest.ts";
import { readCommands } from "./read-commands.ts";

/** Bytes of a file of commands: a thousand tasks. */
export const COMMAND_FILE_MAX = 256 * 1024;
const PROBLEMS_MAX = 100;

/**
 * The manifest of `NAME.cascade.yaml`, which is a package of commands by itself: its name is that of the file, its version the
 * beginning of the SHA-256 of its bytes. Throws `NAME_INVALID`, `PACKAGE_TOO_LARGE`, or `PACKAGE_INVALID` with every problem
 * and its place. Reading takes as long as the text is intricate: what a stranger wrote is read under a deadline.
 */
export function readCommandFile(bytes: Uint8Array, fileName: string, rules: DefinitionRules): Manifest {
  const name = commandsName(fileName);
  if (!NAME_PATTERN.test(name)) {
    throw new CascadeError(
      "NAME_INVALID",
      `${JSON.stringify(name)}, from the file's name, cannot be the name of a package`,
      {
        hint: "Rename the file: what comes before .cascade.yaml matches [a-z0-9][a-z0-9-]{0,62}.",
      },
    );
  }
  if (bytes.length > COMMAND_FILE_MAX) {
    throw new CascadeError("PACKAGE_TOO_LARGE", `the file has ${bytes.length} bytes, more than ${COMMAND_FILE_MAX}`);
  }
  const { workflows, problems } = readCommands(fileName, textOf(bytes, fileName), rules, name);
  const among = createFieldCheck((path) => `${fileName} ${formatPath(path)}`);
  if (workflows.length > 0) checkWorkflows(workflows, among);
  const all = [...problems, ...among.problems];
  if (all.length > 0) throw invalid(all);
  return buildManifest(
    { name, version: contentVersion(sha256(bytes)), description: "", env: [], workflows, files: [] },
    { functions: new Map(), sources: {}, schemas: {}, sdk: null, toolchain: {} },
  );
}

function textOf(bytes: Uint8Array, fileName: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CascadeError("YAML_INVALID", `${fileName} is not UTF-8 text`, { cause, hint: "Save it as UTF-8." });
  }
}

function invalid(problems: readonly Problem[]): CascadeError {
  const shown = problems.slice(0, PROBLEMS_MAX);
  const [first] = shown as [Problem];
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return new CascadeError("PACKAGE_INVALID", `${first.place}: ${first.message}${more}`, {
    hint: first.hint,
    problems: shown,
  });
}
