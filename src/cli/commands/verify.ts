import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import { visibleLine } from "../../kernel/visible-text.ts";
import { dataFolderAt } from "../../daemon/data-folder.ts";
import type { AnchorChoice, FolderVerification, Verification, VerificationResult } from "../../daemon/verifying.ts";
import { exitCodes } from "../../kernel/error-catalogue.ts";
import { CascadeError } from "../../kernel/errors.ts";
import { type CliContext, type DataOption, type JsonOption, shared } from "../context.ts";
import { locate, withQueries } from "../connection.ts";
import { printJson } from "../format.ts";
import type { Io } from "../io.ts";
import { paletteFor } from "../palette.ts";
import { readText } from "../read-text.ts";

/** How `verify` ends: refused says that something is wrong, incomplete only that something could not be looked at. */
const verifyExits: Readonly<Record<VerificationResult, number>> = {
  valid: exitCodes.ok,
  refused: exitCodes.runFailed,
  incomplete: exitCodes.cannotTell,
};

const FILES_PER_PROGRESS = 500;

interface VerifyOptions extends DataOption, JsonOption {
  key?: string;
  trustedRoot?: string;
  require?: string;
  anchors?: string;
  receipts?: string;
  rpc?: string;
}

export function addVerifyCommand(program: Command, { io, end }: CliContext): void {
  program
    .command("verify")
    .description("check proofs offline, and against what is still kept of their runs")
    .argument("<run-file-or-folder>", "a run's id, a .sigstore.json file, or a folder of them")
    .option("--key <file>", "the public key to trust (default: those of the data folder)")
    .option("--trusted-root <file>", "the transparency logs to trust (default: those of the data folder)")
    .option("--require <kinds>", "also ask for anchors: witness, rekor, evm, tsa, exec, separated by commas")
    .option("--anchors <file>", "whom to trust for anchors (default: the file that tlog.anchors names)")
    .option("--receipts <folder>", "what anchors gave (default: anchors/ beside the file, else the data folder's)")
    .option("--rpc <url>", "a node of the chain, to look up what an evm anchor claims")
    .addOption(shared.data())
    .addOption(shared.json())
    .addHelpText("after", "\nExit codes: 0 valid, 1 refused, 2 incomplete.")
    .action(async (subject: string, options: VerifyOptions) => {
      const { openVerifier, isFolder } = await import("../../daemon/verifying.ts");
      const { root } = locate(io, options);
      const path = resolve(io.workingDir, subject);
      const isFile = existsSync(path);
      const proof = (await isFolder(path)) ? undefined : await proofOf(io, options, subject);
      const optional = (path: string | undefined) => (path === undefined ? null : readText(io, path));
      const verifier = openVerifier({
        keyPem: optional(options.key),
        trustedRoot: optional(options.trustedRoot),
        dataRoot: existsSync(dataFolderAt(root).database) ? root : null,
        anchors: await anchorsOf(io, options, path, root),
      });
      try {
        if (proof === undefined) {
          const verification = await verifier.verifyFolder(path, progress(io));
          end(verifyExits[verification.result]);
          return options.json ? printFolderJson(io, verification) : printFolder(io, path, verification);
        }
        const verification =
          proof === null ? unsigned : await verifier.verify(proof.text, isFile ? dirname(path) : null, proof.name);
        end(verifyExits[verification.result]);
        return options.json ? printJson(io, fileJson(verification)) : printFile(io, subject, verification);
      } finally {
        await verifier.close();
      }
    });
}

async function anchorsOf(
  io: Io,
  options: VerifyOptions,
  subject: string,
  dataRoot: string,
): Promise<AnchorChoice | null> {
  const { require, anchors = null, receipts = null, rpc = null } = options;
  if (require === undefined) {
    const given = ["anchors", "receipts", "rpc"].find((name) => name in options);
    if (given !== undefined) throw new CascadeError("USAGE", `--${given} has a meaning with --require only`);
    return null;
  }
  const { chooseAnchors } = await import("../../daemon/anchor-choice.ts");
  return chooseAnchors({ require, anchorsFile: anchors, receipts, rpc, subject, dataRoot, around: io });
}

interface ProofText {
  text: string;
  /** Its path, or where the data folder keeps it. */
  name: string;
}

/** The proof file named by its path, else of the run named by its id; null when that is not signed yet. */
async function proofOf(io: Io, option: DataOption, subject: string): Promise<ProofText | null> {
  if (subject.includes("/") || subject.endsWith(".json") || existsSync(resolve(io.workingDir, subject))) {
    return { text: readText(io, subject), name: subject };
  }
  try {
    return await withQueries(io, option, async (queries) => {
      const { file: name } = await queries.proof(subject);
      return { text: await queries.proofFile(subject), name };
    });
  } catch (error) {
    if (error instanceof CascadeError && error.code === "PROOF_NOT_SIGNED") return null;
    throw error;
  }
}

/** There is nothing yet that could be wrong. */
const unsigned: Verification = {
  result: "incomplete",
  keyId: null,
  statement: null,
  start: null,
  findings: [{ check: "signature", status: "unknown", message: "the statement is not signed yet" }],
};

function progress(io: Io): (count: number) => void {
  return (count) => {
    if (io.errIsTerminal && count % FILES_PER_PROGRESS === 0) io.err(`${count} files checked\n`);
  };
}

function fileJson(verification: Verification) {
  const { result, keyId, findings } = verification;
  return { result, keyId, run: runIn(verification) ?? null, findings };
}

function printFile(io: Io, subject: string, verification: Verification): void {
  const { result, keyId, findings, start } = verification;
  printFindings(io, findings);
  const run = runIn(verification);
  const what = run === undefined ? subject : start ? `start of run ${run}` : `run ${run}`;
  const trusted = keyId === null ? "no trusted key" : `trusted key ${keyId}`;
  const palette = paletteFor(io, io.outIsTerminal);
  io.out(`${palette.state(result)}: ${what}, ${trusted}\n`);
}

function runIn({ statement, start }: Verification): string | undefined {
  return (statement ?? start)?.predicate.runDetails.metadata.invocationId;
}

function printFolderJson(io: Io, { result, counts, files, findings }: FolderVerification): void {
  const others = files.map(({ name, verification }) => ({ file: name, ...fileJson(verification) }));
  printJson(io, { result, counts, findings, files: others });
}

function printFolder(io: Io, folder: string, { result, counts, files, findings }: FolderVerification): void {
  const palette = paletteFor(io, io.outIsTerminal);
  for (const { name, verification } of files) {
    io.out(`${palette.state(verification.result)}: ${visibleLine(name)}\n`);
    printFindings(
      io,
      verification.findings.filter(({ status }) => status !== "passed"),
    );
  }
  printFindings(io, findings);
  const { valid, refused, incomplete } = counts;
  io.out(
    `${palette.state(result)}: ${visibleLine(folder)}, ${valid} valid, ${refused} refused, ${incomplete} incomplete\n`,
  );
}

function printFindings(io: Io, findings: readonly { check: string; status: string; message: string }[]): void {
  const palette = paletteFor(io, io.outIsTerminal);
  for (const { check, status, message } of findings) {
    io.out(`${palette.state(status.padEnd(7))}  ${check.padEnd(10)}  ${visibleLine(message)}\n`);
  }
}
