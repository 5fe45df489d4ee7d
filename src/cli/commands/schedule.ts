import type { Command } from "commander";
import { CascadeError } from "../../kernel/errors.ts";
import { type CliContext, type DataOption, type JsonOption, positiveInteger, shared } from "../context.ts";
import { withDaemon, withQueries } from "../connection.ts";
import { printJson, shortTime } from "../format.ts";
import { printTable } from "../table.ts";

interface NextOptions extends JsonOption {
  cron: string;
  timezone?: string;
  from?: string;
  count: number;
}

export function addScheduleCommands(program: Command, { io }: CliContext): void {
  const group = program.command("schedule").description("time rules of the loaded workflows");

  group
    .command("list")
    .description("list schedules, when they fire next and what they last did")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async ({ json, ...option }: DataOption & JsonOption) => {
      const schedules = await withQueries(io, option, (queries) => queries.schedules());
      if (json) return printJson(io, schedules);
      printTable(
        io,
        schedules,
        [
          { heading: "SCHEDULE", cell: ({ id }) => id },
          { heading: "CRON", cell: ({ cron }) => cron },
          { heading: "ZONE", cell: ({ timezone }) => timezone },
          { heading: "STATE", cell: ({ state }) => state },
          { heading: "NEXT", cell: ({ nextAt }) => shortTime(nextAt) },
          { heading: "LAST", cell: ({ lastFiring }) => shortTime(lastFiring?.plannedAt ?? null) },
          {
            heading: "DECISION",
            cell: ({ lastFiring }) => lastFiring && `${lastFiring.decision}${lastFiring.late ? " late" : ""}`,
          },
        ],
        "No schedules: no loaded workflow has one.",
      );
    });

  group
    .command("next")
    .description("compute the instants of any cron expression, without a daemon")
    .requiredOption("--cron <expression>", "five fields, six with seconds, or @daily and friends")
    .option("--timezone <zone>", "an IANA zone (default: the host's)")
    .option("--from <instant>", "ISO-8601; instants are strictly after it (default: now)")
    .option("--count <count>", "how many", positiveInteger, 5)
    .addOption(shared.json())
    .action(async (options: NextOptions) => {
      const { ruleInstants } = await import("../../daemon/rule-instants.ts");
      const timezone = options.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
      const from = options.from === undefined ? io.clock.now() : parseInstant(options.from);
      const instants = ruleInstants({ cron: options.cron, timezone }, from, options.count);
      if (options.json) return printJson(io, instants);
      for (const instant of instants) io.out(`${instant}\n`);
    });

  group
    .command("preview")
    .description("show what fires next, earliest first")
    .argument("[schedule]", "one schedule: package/workflow/name, or its end while that is unique")
    .option("--workflow <name>", "only schedules of this workflow")
    .addOption(shared.limit("firings", 20))
    .addOption(shared.data())
    .addOption(shared.json())
    .action(
      async (
        schedule: string | undefined,
        { json, workflow, limit, ...option }: DataOption & JsonOption & { workflow?: string; limit: number },
      ) => {
        const filter = {
          ...(schedule === undefined ? {} : { schedule }),
          ...(workflow === undefined ? {} : { workflow }),
          limit,
        };
        const upcoming = await withQueries(io, option, (queries) => queries.upcoming(filter));
        if (json) return printJson(io, upcoming);
        printTable(
          io,
          upcoming,
          [
            { heading: "PLANNED", cell: ({ plannedAt }) => shortTime(plannedAt) },
            { heading: "SCHEDULE", cell: (firing) => firing.schedule },
          ],
          "Nothing will fire: no schedule is active.",
        );
      },
    );

  for (const verb of ["pause", "resume"] as const) {
    group
      .command(verb)
      .description(verb === "pause" ? "let it fire no more" : "let it fire again, counting from now")
      .argument("<schedule>", "package/workflow/name, or its end while that is unique")
      .addOption(shared.data())
      .addOption(shared.json())
      .action(async (name: string, { json, ...option }: DataOption & JsonOption) => {
        const found = await withDaemon(io, option, (client) =>
          verb === "pause" ? client.pauseSchedule(name) : client.resumeSchedule(name),
        );
        if (json) return printJson(io, found);
        io.out(`${found.id} is ${found.state}\n`);
      });
  }
}

function parseInstant(text: string): number {
  const instant = Date.parse(text);
  // Date.parse also takes other spellings, each engine its own.
  if (/^[+-]?\d{4,6}-\d\d-\d\d/.test(text) && Number.isFinite(instant)) return instant;
  throw new CascadeError("USAGE", `--from is an ISO-8601 instant such as 2026-03-29T00:00:00Z, not ${text}`);
}
