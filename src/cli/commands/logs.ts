import type { Command } from "commander";
import type { Queries } from "../../app/application.ts";
import { LOG_ANSWER_BYTES } from "../../app/views.ts";
import { exitCodes } from "../../kernel/error-catalogue.ts";
import { type CliContext, type DataOption, shared } from "../context.ts";
import { withDaemon, withQueries } from "../connection.ts";
import { createLogPrinter, type LogPrinter } from "../log-printer.ts";

export function addLogsCommand(program: Command, { io, end }: CliContext): void {
  program
    .command("logs")
    .description("print what the tasks of a run wrote")
    .argument("<run>", "id of the run, or six or more characters of its end")
    .argument("[task]", "only this task")
    .option("-f, --follow", "go on until the run has ended")
    .addOption(shared.data())
    .action(async (id: string, task: string | undefined, { follow, ...option }: DataOption & { follow?: true }) => {
      const printer = createLogPrinter(io, task === undefined);
      if (!follow) {
        await withQueries(io, option, (queries) => printAll(queries, id, task ?? null, printer));
        return printer.end();
      }
      const { followLogs } = await import("../../client/follow-logs.ts");
      const abort = new AbortController();
      const ignore = io.onInterrupt(() => abort.abort());
      try {
        await withDaemon(io, option, async (client) => {
          const run = await followLogs(client, await client.run(id), task ?? null, {
            clock: io.clock,
            signal: abort.signal,
            onChunk: (chunk) => printer.print(chunk),
            onLost: () => io.err("The daemon went away; waiting for it to come back.\n"),
          });
          printer.end();
          if (run.endedAt === null) end(exitCodes.detached);
        });
      } finally {
        ignore();
      }
    });
}

/** Up to what was written when it was asked: a task that writes without a pause does not keep it busy for ever. */
async function printAll(queries: Queries, id: string, task: string | null, printer: LogPrinter): Promise<void> {
  const offsets: Record<string, number> = {};
  for (let bytes = Infinity; bytes > LOG_ANSWER_BYTES;) {
    bytes = 0;
    for (const chunk of await queries.logs(id, task, offsets)) {
      const attempt = `${chunk.task}.${chunk.attempt}`;
      bytes += chunk.nextOffset - (offsets[attempt] ?? 0);
      offsets[attempt] = chunk.nextOffset;
      printer.print(chunk);
    }
  }
}
