import type { Command } from "commander";
import { visibleLine } from "../../kernel/visible-text.ts";
import type { StatusView } from "../../app/views.ts";
import type { Check, DoctorFacts } from "../../daemon/doctor.ts";
import { exitCodes } from "../../kernel/error-catalogue.ts";
import { type CliContext, type DataOption, type JsonOption, shared } from "../context.ts";
import { locate, withDaemon, withQueries } from "../connection.ts";
import { printJson } from "../format.ts";
import type { Io } from "../io.ts";
import { paletteFor } from "../palette.ts";

export function addDoctorCommand(program: Command, { io, end }: CliContext): void {
  program
    .command("doctor")
    .description("look for what is wrong, and say what to do about it")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async ({ json, ...option }: DataOption & JsonOption) => {
      const { examine } = await import("../../daemon/doctor.ts");
      const checks = await examine(await gather(io, option));
      if (checks.some(({ verdict }) => verdict === "fail")) end(exitCodes.runFailed);
      if (json) return printJson(io, checks);
      printChecks(io, checks);
    });
}

async function gather(io: Io, option: DataOption): Promise<DoctorFacts> {
  const { root, socket } = locate(io, option);
  let status: StatusView | null = null;
  let unreachable: unknown = null;
  try {
    status = await withDaemon(io, option, (client) => client.status());
  } catch (error) {
    unreachable = error;
  }
  const packages = await withQueries(io, option, (queries) => queries.packages()).catch(() => []);
  const rejected = packages.flatMap(({ file, error }) => (error ? [{ file: file ?? "?", error }] : []));
  return { ...io, now: io.clock.now(), root, socket, status, unreachable, rejected };
}

function printChecks(io: Io, checks: readonly Check[]): void {
  const palette = paletteFor(io, io.outIsTerminal);
  for (const { verdict, name, message, fix } of checks) {
    const mark = `${palette.state(verdict)}${" ".repeat(5 - verdict.length)}`;
    io.out(`${mark} ${name}: ${visibleLine(message)}\n`);
    if (fix !== null) io.out(`      ${visibleLine(fix)}\n`);
  }
}
