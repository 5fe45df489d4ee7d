import { mkdirSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { writeFileAtomic } from "../../kernel/atomic-file.ts";
import { exitCodes } from "../../kernel/error-catalogue.ts";
import { CascadeError, type Problem, toCascadeError } from "../../kernel/errors.ts";
import { type CliContext, type JsonOption, shared } from "../context.ts";
import { printJson, shortSize } from "../format.ts";
import type { Io } from "../io.ts";
import { problemLines } from "../report-error.ts";
import { printFields } from "../table.ts";
import { signerOptions } from "./package-signing.ts";

export function addAuthoringCommands(program: Command, { io, end }: CliContext): void {
  program
    .command("init")
    .description("make a package folder that packs and runs as it is")
    .argument("<name>", "name of the package and its folder")
    .option("--yaml", "a workflow of shell commands instead of TypeScript")
    .action(async (name: string, { yaml }: { yaml?: boolean }) => {
      const folder = resolve(io.workingDir, name);
      const files = await (await authoring(io)).scaffold(folder, yaml === true ? "yaml" : "typescript");
      for (const file of files) io.out(`${file}\n`);
      io.err(`Next: cascade pack ${relative(io.workingDir, folder) || "."}\n`);
    });

  program
    .command("pack")
    .description("build the .cascade file of a package folder")
    .argument("[dir]", "the package folder, or a file NAME.cascade.yaml", ".")
    .option(
      "-o, --output <file>",
      "where to write it: a file, or a folder, one to be made if it ends in / (default: the working folder)",
    )
    .option("--sign <key>", "sign it, as `cascade package sign` does")
    .addOption(signerOptions.signer())
    .addOption(signerOptions.publicKey())
    .addOption(shared.json())
    .action(async (dir: string, options: PackOptions) => {
      // A signer that is not there is told before the work.
      const sign = await signing(io, options);
      const built = await (await authoring(io)).build(resolve(io.workingDir, dir));
      const path = outputPath(io, options.output, built.fileName);
      const { bytes, keyId } = await sign(built.bytes);
      writePackage(path, bytes);
      const size = bytes.length;
      const { digest, warnings, types } = built;
      if (options.json) return printJson(io, { path, digest, size, ...(keyId ? { keyId } : {}), warnings, types });
      printWarnings(io, built);
      printFields(io, [
        ["path", path],
        ["digest", digest],
        ["size", shortSize(size)],
        ...(keyId ? [["signed by", keyId] satisfies [string, string]] : []),
      ]);
    });

  program
    .command("validate")
    .description("show every problem of a package folder or file")
    .argument("<path>", "a package folder, a .cascade or a .cascade.yaml file")
    .addOption(shared.json())
    .action(async (path: string, { json }: JsonOption) => {
      const verdict = await (await authoring(io)).validate(resolve(io.workingDir, path));
      const { manifest, problems, warnings, types } = verdict;
      if (manifest === null) end(exitCodes.badData);
      if (json) return printJson(io, { valid: manifest !== null, problems, warnings, types });
      printWarnings(io, verdict);
      if (manifest) {
        const workflows = manifest.workflows.map(({ name }) => name).join(", ");
        io.out(`${manifest.name} ${manifest.version} is valid: ${workflows}\n`);
      } else {
        io.err(`${path} has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n`);
        io.out(`${problemLines(problems).join("\n")}\n`);
      }
    });
}

function printWarnings(io: Io, { warnings, types }: { warnings: readonly Problem[]; types: string | null }): void {
  if (warnings.length > 0) io.err(`${warnings.length === 1 ? "a warning" : `${warnings.length} warnings`}:\n`);
  for (const line of problemLines(warnings)) io.err(`${line}\n`);
  if (types !== null) io.err(`types were not checked: ${types}\n`);
}

interface PackOptions extends JsonOption {
  output?: string;
  sign?: string;
  signer?: string;
  publicKey?: string;
}

/** What puts the chosen signature on a packed file; as it is without one. */
async function signing(io: Io, { sign: key, signer: choice, publicKey }: PackOptions) {
  if (key === undefined && choice === undefined) return async (bytes: Buffer) => ({ bytes, keyId: undefined });
  const [{ chooseSigner }, { signPackage }] = await Promise.all([
    import("../../daemon/signers.ts"),
    import("../../daemon/package-signing.ts"),
  ]);
  const signer = await chooseSigner({ key, signer: choice, publicKey }, io);
  return async (bytes: Buffer) => {
    const signed = await signPackage(bytes, signer, io.clock.now());
    return { bytes: signed.bytes, keyId: signer.keyId };
  };
}

async function authoring(io: Io) {
  const [{ createAuthoring }, { runningProgram }] = await Promise.all([
    import("../../daemon/authoring.ts"),
    import("../../daemon/program.ts"),
  ]);
  return createAuthoring(runningProgram(io.nodePath));
}

/** A folder that is there, or a name that ends in a slash, which is made. */
function outputPath(io: Io, output: string | undefined, fileName: string): string {
  const path = resolve(io.workingDir, output ?? ".");
  if (output?.endsWith("/") === true) {
    try {
      mkdirSync(path, { recursive: true });
    } catch (error) {
      throw new CascadeError("CANNOT_CREATE", `cannot make the folder ${path}: ${toCascadeError(error).message}`, {
        cause: error,
      });
    }
  }
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? join(path, fileName) : path;
}

/** Whole or not at all, so that a file may be packed right into a watched folder. */
function writePackage(path: string, bytes: Buffer): void {
  try {
    writeFileAtomic(path, bytes, { mode: 0o644 });
  } catch (error) {
    const { message } = toCascadeError(error);
    throw new CascadeError("CANNOT_CREATE", `cannot write ${path}: ${message}`, {
      cause: error,
      hint: `Check that ${dirname(path)} exists and can be written.`,
    });
  }
}
