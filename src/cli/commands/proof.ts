import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { dataFolderAt } from "../../daemon/data-folder.ts";
import { exitCodes } from "../../kernel/error-catalogue.ts";
import { CascadeError, toCascadeError } from "../../kernel/errors.ts";
import { type CliContext, type DataOption, type JsonOption, shared } from "../context.ts";
import { locate, withQueries } from "../connection.ts";
import { printJson } from "../format.ts";
import type { Io } from "../io.ts";
import { paletteFor } from "../palette.ts";
import { printable, printFields } from "../table.ts";

export function addProofCommands(program: Command, { io, end }: CliContext): void {
  program
    .command("proof")
    .description("proofs of ended runs")
    .command("show")
    .description("show the proof of an ended run")
    .argument("<run>", "id of the run, or six or more characters of its end")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async (run: string, { json, ...option }: DataOption & JsonOption) => {
      const proof = await withQueries(io, option, (queries) => queries.proof(run));
      if (json) return printJson(io, proof);
      printFields(io, [
        ["run", proof.runId],
        ["workflow", proof.workflow],
        ["number", proof.runNumber],
        ["state", proof.state],
        ["file", proof.file],
        ["digest", proof.digest],
        ["previous", proof.previousProof],
        ["key", proof.keyId],
      ]);
      io.err(`Check it with: cascade verify ${proof.runId}\n`);
    });

  program
    .command("verify")
    .description("check a proof offline, and against what is still kept of its run")
    .argument("<run-or-file>", "a run's id, or a .sigstore.json file")
    .option("--key <file>", "the public key to trust (default: that of the data folder)")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async (subject: string, { json, key, ...option }: DataOption & JsonOption & { key?: string }) => {
      const { verifyProof } = await import("../../daemon/verifying.ts");
      const { root } = locate(io, option);
      const verification = await verifyProof({
        bundle: await bundleOf(io, option, subject),
        keyPem: key === undefined ? null : readText(io, key),
        dataRoot: existsSync(dataFolderAt(root).database) ? root : null,
      });
      if (verification.result !== "valid") end(exitCodes.runFailed);
      const { result, keyId, findings, statement } = verification;
      const run = statement?.predicate.runDetails.metadata.invocationId ?? null;
      if (json) return printJson(io, { result, keyId, run, findings });
      const palette = paletteFor(io, io.outIsTerminal);
      for (const { check, status, message } of findings) {
        io.out(`${palette.state(status.padEnd(7))}  ${check.padEnd(9)}  ${printable(message)}\n`);
      }
      const trusted = keyId === null ? "no trusted key" : `trusted key ${keyId}`;
      io.out(`${palette.state(result)}: ${run === null ? subject : `run ${run}`}, ${trusted}\n`);
    });
}

/** The text of a proof file named by its path, else of the run named by its id. */
async function bundleOf(io: Io, option: DataOption, subject: string): Promise<string> {
  if (subject.includes("/") || subject.endsWith(".json") || existsSync(resolve(io.workingDir, subject))) {
    return readText(io, subject);
  }
  return withQueries(io, option, (queries) => queries.proofFile(subject));
}

function readText(io: Io, path: string): string {
  try {
    return readFileSync(resolve(io.workingDir, path), "utf8");
  } catch (error) {
    throw new CascadeError("IO_FAILED", `cannot read ${path}: ${toCascadeError(error).message}`, {
      cause: error,
      hint: "Name a file that exists and can be read.",
    });
  }
}
