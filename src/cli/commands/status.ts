import type { Command } from "commander";
import type { StatusView } from "../../app/views.ts";
import { visibleLine } from "../../kernel/visible-text.ts";
import { type CliContext, type DataOption, type JsonOption, shared } from "../context.ts";
import { type Located, withQueries } from "../connection.ts";
import { printJson, shortTime } from "../format.ts";
import type { Io } from "../io.ts";
import { printFields } from "../table.ts";

export function addStatusCommand(program: Command, { io }: CliContext): void {
  program
    .command("status")
    .description("show what the daemon is doing, and which data folder it has")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async ({ json, ...option }: DataOption & JsonOption) => {
      const { status, located } = await withQueries(io, option, async (queries, found) => ({
        status: await queries.status(),
        located: found,
      }));
      if (json) return printJson(io, status);
      print(io, status, located);
    });
}

function print(io: Io, status: StatusView, { reason }: Located): void {
  const { packages, runs, config } = status;
  const process = status.pid === null ? "" : `, pid ${status.pid}, since ${shortTime(status.startedAt)}`;
  printFields(io, [
    ["daemon", `${status.state}${process}`],
    ["version", status.version],
    ["data", `${status.dataDir} (${reason})`],
    ...status.watch.map(({ dir, ok, error }): [string, string] => ["watch", ok ? dir : `${dir}: ${error?.message}`]),
    ["packages", `${packages.loaded} loaded, ${packages.rejected} rejected`],
    ["runs", `${runs.queued} queued, ${runs.running} running, ${runs.waiting} waiting`],
    ["config", config.error ? `${config.error.code}: ${config.error.message}` : `generation ${config.generation}`],
  ]);
  for (const warning of status.warnings) io.err(`warning: ${visibleLine(warning)}\n`);
}
