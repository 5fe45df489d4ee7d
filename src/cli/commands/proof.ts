import { resolve } from "node:path";
import type { Command } from "commander";
import type { StartView } from "../../app/views.ts";
import type { ProofPart } from "../../daemon/proof-part.ts";
import { CascadeError } from "../../kernel/errors.ts";
import { type CliContext, type DataOption, type JsonOption, shared } from "../context.ts";
import { locate, withQueries } from "../connection.ts";
import { printJson, shortTime } from "../format.ts";
import { printFields, printTable } from "../table.ts";

type PartOptions = Partial<Record<ProofPart, true>>;

export function addProofCommands(program: Command, { io }: CliContext): void {
  const proof = program.command("proof").description("proofs of ended runs");

  proof
    .command("list")
    .description("list proofs, the newest run first")
    .addOption(shared.limit("proofs", 20))
    .option("--workflow <name>", "only those of one workflow")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(
      async ({ json, limit, workflow, ...option }: DataOption & JsonOption & { limit: number; workflow?: string }) => {
        const filter = workflow === undefined ? {} : { workflow };
        const { items } = await withQueries(io, option, (queries) =>
          queries.proofs({ ...filter, limit, cursor: null }),
        );
        if (json) return printJson(io, items);
        printTable(
          io,
          items,
          [
            { heading: "RUN", cell: ({ runId }) => runId },
            { heading: "WORKFLOW", cell: (row) => row.workflow },
            { heading: "NUMBER", cell: ({ runNumber }) => runNumber },
            { heading: "STATE", cell: ({ state }) => state },
            { heading: "ENDED", cell: ({ endedAt }) => shortTime(endedAt) },
            { heading: "LEAF", cell: ({ index }) => index },
          ],
          "There are no proofs yet.",
        );
      },
    );

  proof
    .command("show")
    .description("show the proof of an ended run, or one part of it as its exact bytes")
    .argument("<run>", "id of the run, or six or more characters of its end")
    .option("--statement", "print the signed statement")
    .option("--pae", "print the bytes that are signed")
    .option("--signature", "print the signature in base64")
    .option("--leaf", "print the leaf of the transparency log")
    .option("--tlog-proof", "print the proof of inclusion in the form of https://c2sp.org/tlog-proof")
    .option("--slsa", "print what the statement says as SLSA provenance v1, unsigned")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async (run: string, { json, data, ...part }: DataOption & JsonOption & PartOptions) => {
      const option: DataOption = data === undefined ? {} : { data };
      const [chosen, ...more] = Object.keys(part) as ProofPart[];
      if (more.length > 0) throw new CascadeError("USAGE", "only one part of a proof can be printed at a time");
      if (chosen) {
        const { proofPart } = await import("../../daemon/proof-part.ts");
        return io.exact(proofPart(await withQueries(io, option, (queries) => queries.proofFile(run)), chosen));
      }
      const view = await withQueries(io, option, (queries) => queries.proof(run));
      if (json) return printJson(io, view);
      printFields(io, [
        ["run", view.runId],
        ["workflow", view.workflow],
        ["number", view.runNumber],
        ["state", view.state],
        ["file", view.file],
        ["digest", view.digest],
        ["previous", view.previousProof],
        ["key", view.signed ? view.keyId : `${view.keyId}, which has not signed it yet`],
        ["start", view.start && startLine(view.start)],
        ["log", view.tlog && `leaf ${view.tlog.index} of ${view.tlog.origin}, in the head of ${view.tlog.size} leaves`],
      ]);
      io.err(`Check it with: cascade verify ${view.runId}\n`);
    });

  proof
    .command("export")
    .description("write a proof with all that someone else needs to verify it into a folder")
    .argument("<run>", "id of the run, or six or more characters of its end")
    .option("-o, --out <folder>", "the folder, which is made (default: proof-<run>)")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async (run: string, { json, out, ...option }: DataOption & JsonOption & { out?: string }) => {
      const { exportProof } = await import("../../daemon/export-proof.ts");
      const { view, text } = await withQueries(io, option, async (queries) => ({
        view: await queries.proof(run),
        text: await queries.proofFile(run),
      }));
      const folder = resolve(io.workingDir, out ?? `proof-${view.runId}`);
      const files = await exportProof({ run: view.runId, text, dataRoot: locate(io, option).root, folder });
      if (json) return printJson(io, { run: view.runId, folder, files });
      for (const file of files) io.out(`${folder}/${file}\n`);
      io.err("Whoever has them checks with:\n");
      io.err(`  cascade verify ${files[0]} --key proof.pub.pem --trusted-root trusted_root.json\n`);
    });
}

function startLine({ digest, file, index }: StartView): string {
  return `${digest}, ${index === null ? "not logged yet" : `leaf ${index}`}, ${file}`;
}
