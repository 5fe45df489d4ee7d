import type { Command } from "commander";
import { type CliContext, type DataOption, type JsonOption, repeated, shared } from "../context.ts";
import { withDaemon } from "../connection.ts";
import { printJson } from "../format.ts";

export function addDaemonCommands(program: Command, { io, end }: CliContext): void {
  program
    .command("daemon")
    .description("run the daemon in the foreground")
    .addOption(shared.data())
    .option("--watch <folder>", "watch this folder too; may be repeated", repeated)
    .option("--config <file>", "the configuration file")
    .action(async (options: DataOption & { watch?: readonly string[]; config?: string }) => {
      const { runDaemon } = await import("../../daemon/daemon.ts");
      end(await runDaemon({ ...options, watch: [...(options.watch ?? [])] }));
    });

  program
    .command("reload")
    .description("apply the changed configuration, as SIGHUP does")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async ({ json, ...option }: DataOption & JsonOption) => {
      const report = await withDaemon(io, option, (client) => client.reload());
      if (json) return printJson(io, report);
      const { generation, changed, needRestart } = report;
      io.out(`configuration ${generation}: ${changed.length === 0 ? "nothing changed" : changed.join(", ")}\n`);
      if (needRestart.length > 0) io.err(`These keys take effect after a restart: ${needRestart.join(", ")}\n`);
    });

  program
    .command("stop")
    .description("drain and end the daemon, as SIGTERM does")
    .addOption(shared.data())
    .action(async (option: DataOption) => {
      await withDaemon(io, option, (client) => client.stop());
      io.err("The daemon drains: running attempts have their drain time, then it ends.\n");
    });
}
