import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { visibleLine } from "../../kernel/visible-text.ts";
import type { ReplayView } from "../../app/views.ts";
import type { OtherCode } from "../../daemon/replaying.ts";
import { exitCodes } from "../../kernel/error-catalogue.ts";
import { CascadeError, toCascadeError } from "../../kernel/errors.ts";
import { type CliContext, type DataOption, type JsonOption, shared } from "../context.ts";
import { locate, withDaemonOr } from "../connection.ts";
import { printJson } from "../format.ts";
import type { Io } from "../io.ts";
import { paletteFor } from "../palette.ts";
import { printTable } from "../table.ts";

interface ReplayOptions extends DataOption, JsonOption {
  task?: string;
  against?: string;
  mask?: readonly string[];
}

const exits = { same: exitCodes.ok, different: exitCodes.runFailed, unknown: exitCodes.cannotTell } as const;

export function addReplayCommand(program: Command, { io, end }: CliContext): void {
  program
    .command("replay")
    .description("execute an ended run again from its recordings, without a network, and compare what comes out")
    .argument("<run>", "id of the run, or six or more characters of its end")
    .option("--task <task>", "one task (default: all)")
    .option("--against <package>", "other code for the same inputs: name@version, or a .cascade file")
    .option("--mask <pointers>", "JSON pointers to what may differ in outputs, separated by commas", separated)
    .addOption(shared.data())
    .addOption(shared.json())
    .addHelpText("after", "\nExit codes: 0 the same, 1 different or diverged, 2 cannot tell.")
    .action(async (run: string, { json, against, ...given }: ReplayOptions) => {
      const option = given.data === undefined ? {} : { data: given.data };
      const wanted = { task: given.task ?? null, mask: given.mask ?? [] };
      const here = () => replayHere(io, option, run, { ...wanted, against });
      // The daemon signs only what it has admitted: a file is nobody's word but the caller's.
      const replay = isFile(against)
        ? await here()
        : await withDaemonOr(
            io,
            option,
            (client) => client.replayRun(run, { ...wanted, against: against ?? null }),
            here,
          );
      end(exits[replay.result]);
      if (json) printJson(io, replay);
      else printReplay(io, replay);
      if (replay.statement === null) io.err("Nothing is signed: no daemon has executed it.\n");
    });
}

function separated(text: string): readonly string[] {
  return text.split(",").filter((part) => part !== "");
}

function isFile(against: string | undefined): against is string {
  return against !== undefined && (against.includes("/") || against.endsWith(".cascade"));
}

async function replayHere(
  io: Io,
  option: DataOption,
  run: string,
  { task, mask, against }: { task: string | null; mask: readonly string[]; against: string | undefined },
): Promise<ReplayView> {
  const other: OtherCode | null =
    against === undefined ? null : isFile(against) ? { file: readPackage(io, against) } : { name: against };
  const replaying = await import("../../daemon/replaying.ts");
  const { root } = locate(io, option);
  return replaying.replayHere({ root, environment: io.environment }, run, { task, mask }, other);
}

function readPackage(io: Io, path: string): Buffer {
  try {
    return readFileSync(resolve(io.workingDir, path));
  } catch (error) {
    throw new CascadeError("IO_FAILED", `cannot read ${path}: ${toCascadeError(error).message}`, {
      cause: error,
      hint: "Name a .cascade file that can be read, or a package as name@version.",
    });
  }
}

function printReplay(io: Io, replay: ReplayView): void {
  printTable(
    io,
    replay.tasks,
    [
      { heading: "TASK", cell: ({ id }) => id },
      { heading: "RESULT", cell: ({ result }) => result },
      { heading: "WHY", cell: whyOf },
    ],
    "No tasks.",
  );
  const palette = paletteFor(io, io.outIsTerminal);
  const { run, against, result, isolation, statement } = replay;
  const other = against === null ? "" : ` against ${visibleLine(`${against.name} ${against.version}`)}`;
  io.out(`${palette.state(result)}: run ${run}${other}\n`);
  if (isolation === "shims")
    io.err("No network namespace was to be had: the task host alone kept it from the network.\n");
  if (statement) io.err(`Signed: proofs/${statement.file}\n`);
}

const skips = {
  external: "it changes something outside",
  not_run: "it never ran",
  unfinished: "its last attempt was cut off",
  not_recorded: "it left no recording, or one too large; its workflow needs record: true",
  recording_gone: "its recording is not kept any more",
  code_gone: "its code is not kept any more",
} as const;

function whyOf({ skipped, diverged, impure, pointer, result }: ReplayView["tasks"][number]): string | null {
  if (skipped !== null) return skips[skipped];
  if (diverged !== null) return `it asked for what is not in the recording: ${diverged}`;
  if (result === "impure") return `it read what no recording holds: ${impure.join(", ")}`;
  return pointer === null ? null : `first at ${pointer === "" ? "the top" : pointer}`;
}
