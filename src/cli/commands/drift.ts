import { type Command, Option } from "commander";
import type { DriftFindingView, DriftView } from "../../app/views.ts";
import type { Drifting } from "../../daemon/drifting.ts";
import { exitCodes } from "../../kernel/error-catalogue.ts";
import { CascadeError } from "../../kernel/errors.ts";
import { type CliContext, type DataOption, type JsonOption, shared } from "../context.ts";
import { locate } from "../connection.ts";
import { printJson } from "../format.ts";
import { printTable } from "../table.ts";

interface ConfigOption {
  config?: string;
}
interface Pairs {
  packages?: readonly string[];
  runs?: readonly string[];
}

const exits = { none: exitCodes.ok, drift: exitCodes.runFailed, unknown: exitCodes.cannotTell } as const;

export function addDriftCommand(program: Command, { io, end }: CliContext): void {
  program
    .command("drift")
    .description("show what is not as it was frozen: runs, packages, trust, stored code, proofs and their log")
    .argument("[workflow]", "one workflow and its package (default: everything)")
    .addOption(new Option("--packages <two...>", "hold two packages against each other: files, or name@version"))
    .addOption(new Option("--runs <two...>", "hold what two runs executed against each other").conflicts("packages"))
    .addOption(
      new Option("--config <file>", "the configuration file that the daemon is given").conflicts(["packages", "runs"]),
    )
    .addOption(shared.data())
    .addOption(shared.json())
    .action(
      async (workflow: string | undefined, { json, ...option }: DataOption & JsonOption & ConfigOption & Pairs) => {
        const { createDrifting } = await import("../../daemon/drifting.ts");
        const { environment, workingDir, home, clock } = io;
        const { root } = locate(io, option);
        const drifting = createDrifting({ root, config: option.config, environment, workingDir, home, clock });
        const drift = await ask(drifting, workflow, option);
        end(exits[drift.result]);
        if (json) return printJson(io, drift);
        const rows = [
          ...drift.findings,
          ...drift.unknown.map((one) => ({ ...one, message: `cannot tell: ${one.message}` })),
        ];
        printTable(
          io,
          rows,
          [
            { heading: "KIND", cell: ({ kind }) => kind },
            { heading: "SUBJECT", cell: ({ subject }) => subject },
            { heading: "WHAT", cell: whatOf },
          ],
          "Nothing has drifted.",
        );
        if (drift.result === "unknown") io.err("Nothing is known to have drifted, but not everything can be told.\n");
      },
    );
}

function ask(drifting: Drifting, workflow: string | undefined, { packages, runs }: Pairs): Promise<DriftView> {
  const [name, pair] = packages ? ["packages", packages] : ["runs", runs];
  if (!pair) return drifting.ofData(workflow ?? null);
  const [before, after, ...more] = pair;
  if (before === undefined || after === undefined || more.length > 0 || workflow !== undefined) {
    throw new CascadeError("USAGE", `--${name} takes exactly two ${name}, and no workflow beside them`);
  }
  return packages ? drifting.ofPackages(before, after) : drifting.ofRuns(before, after);
}

function whatOf({ message, between }: DriftFindingView): string {
  return between === null ? message : `${message} (${between.before} → ${between.after})`;
}
