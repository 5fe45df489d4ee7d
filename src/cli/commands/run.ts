import { type Command, Option } from "commander";
import type { RunView, RunWhyView } from "../../app/views.ts";
import { visibleLine } from "../../kernel/visible-text.ts";
import { type CliContext, type DataOption, type JsonOption, listCursor, repeated, shared } from "../context.ts";
import { withDaemon, withQueries } from "../connection.ts";
import { isJsonObject, type Json } from "../../kernel/json.ts";
import { printJson, shortSpan, shortTime } from "../format.ts";
import type { Io } from "../io.ts";
import { printFields, printTable } from "../table.ts";

interface StartOptions extends DataOption, JsonOption {
  param?: readonly string[];
  params?: string;
  key?: string;
  wait?: true;
  follow?: true;
}
interface ListOptions extends DataOption, JsonOption {
  state?: readonly string[];
  workflow?: string;
  limit: number;
  cursor?: string;
}

export function addRunCommands(program: Command, context: CliContext): void {
  const { io } = context;
  const group = program.command("run").description("runs of workflows");
  addStart(group, context);

  group
    .command("list")
    .description("list runs, newest first")
    .option("--state <state>", "only runs in this state; may be repeated", repeated)
    .option("--workflow <name>", "only runs of this workflow")
    .addOption(shared.limit("runs", 20))
    .option("--cursor <cursor>", "go on where an earlier list ended", listCursor)
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async ({ json, data, cursor, ...filter }: ListOptions) => {
      const option = data === undefined ? {} : { data };
      const page = await withQueries(io, option, (queries) => queries.runs({ ...filter, cursor: cursor ?? null }));
      if (json) printJson(io, page.items);
      else {
        printTable(
          io,
          page.items,
          [
            { heading: "RUN", cell: ({ id }) => id },
            { heading: "WORKFLOW", cell: ({ workflow }) => workflow },
            { heading: "STATE", cell: ({ state }) => state },
            { heading: "CREATED", cell: ({ createdAt }) => shortTime(createdAt) },
            { heading: "TOOK", cell: (run) => elapsed(run, io.clock.now()) },
            { heading: "ERROR", cell: ({ error }) => error?.code ?? null },
          ],
          "No runs.",
        );
      }
      if (page.nextCursor !== null) io.err(`There are more: --cursor ${page.nextCursor}\n`);
    });

  group
    .command("show")
    .description("show one run: its tasks, attempts and outputs")
    .argument("<run>", "id of the run, or six or more characters of its end")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async (id: string, { json, ...option }: DataOption & JsonOption) => {
      const run = await withQueries(io, option, (queries) => queries.run(id));
      if (json) return printJson(io, run);
      printRun(io, run);
    });

  group
    .command("why")
    .description("tell why a run is where it is, and what happened to it")
    .argument("<run>", "id of the run, or six or more characters of its end")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async (id: string, { json, ...option }: DataOption & JsonOption) => {
      const why = await withQueries(io, option, (queries) => queries.why(id));
      if (json) return printJson(io, why);
      printWhy(io, why);
    });

  group
    .command("cancel")
    .description("end a run: its running attempts are stopped, the rest never starts")
    .argument("<run>", "id of the run, or six or more characters of its end")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async (id: string, { json, ...option }: DataOption & JsonOption) => {
      const run = await withDaemon(io, option, (client) => client.cancelRun(id));
      if (json) return printJson(io, run);
      io.out(`${run.id} ${run.endedAt === null ? "is being cancelled" : run.state}\n`);
    });
}

function addStart(group: Command, { io, end }: CliContext): void {
  group
    .command("start")
    .description("start a run of a workflow and print its id")
    .argument("<workflow>", "package/workflow, or the workflow alone while it is unique")
    .option(
      "-p, --param <key=value>",
      "a param, read by the type that the workflow's schema gives it; may be repeated",
      repeated,
    )
    .option("--params <json>", "all params as a JSON object, or @file")
    .option("--key <key>", "start at most one run for this key")
    .addOption(new Option("--wait", "show the progress, and exit as the run ends").conflicts("follow"))
    .option("--follow", "show the logs, and exit as the run ends")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async (workflow: string, options: StartOptions) => {
      const { readPairs, readWholeParams, withPairs } = await import("../read-params.ts");
      const pairs = readPairs(options.param ?? []);
      const whole = readWholeParams(options.params, io.workingDir);
      const key = options.key === undefined ? {} : { key: options.key };
      await withDaemon(io, options, async (client) => {
        let params = whole;
        if (pairs.length > 0) {
          const { createParamTexts } = await import("../../app/param-text.ts");
          params = withPairs(whole, pairs, createParamTexts((await client.workflow(workflow)).params));
        }
        const begun = await client.startRun({ workflow, params, ...key });
        if (!options.wait && !options.follow) {
          if (options.json) return printJson(io, begun);
          io.out(`${begun.id}\n`);
          return io.err(
            `${begun.workflow} ${begun.version} is ${begun.state}. Follow it: cascade logs ${begun.id} -f\n`,
          );
        }
        const { follow } = await import("../follow.ts");
        if (!options.json && !options.follow) io.out(`${begun.id}\n`);
        // With --json the data is the run at its end, so that logs have no place.
        const { run, exitCode } = await follow(
          io,
          client,
          begun,
          options.follow && !options.json ? "logs" : "progress",
        );
        if (options.json) printJson(io, run);
        end(exitCode);
      });
    });
}

function printRun(io: Io, run: RunView): void {
  printFields(io, [
    ["run", run.id],
    ["workflow", `${run.workflow} ${run.version}`],
    ["state", run.state],
    ["trigger", triggerText(run.trigger)],
    ...paramFields(run.params),
    ["key", run.key],
    ["planned", shortTime(run.plannedAt)],
    ["started", shortTime(run.startedAt)],
    ["ended", shortTime(run.endedAt)],
    ["took", elapsed(run, io.clock.now())],
    ["error", run.error && `${run.error.code}: ${run.error.message}`],
  ]);
  io.out("\n");
  printTable(
    io,
    run.tasks,
    [
      { heading: "TASK", cell: ({ id }) => id },
      { heading: "STATE", cell: ({ state }) => state },
      { heading: "ATTEMPTS", cell: ({ attempts }) => attempts.length },
      {
        heading: "TOOK",
        cell: ({ attempts }) => (attempts.length > 0 ? elapsed(attempts.at(-1)!, io.clock.now()) : null),
      },
      { heading: "ERROR", cell: ({ error }) => error && `${error.code}: ${firstLine(error.message)}` },
      { heading: "OUTPUT", cell: ({ output }) => (output === null ? null : shortened(JSON.stringify(output))) },
    ],
    "No tasks.",
  );
}

interface Span {
  startedAt: string | null;
  durationMs: number | null;
}

/** How long it took, or how long it has run by now. */
function elapsed({ startedAt, durationMs }: Span, now: number): string | null {
  if (durationMs !== null || startedAt === null) return shortSpan(durationMs);
  return `${shortSpan(Math.max(0, now - Date.parse(startedAt)))} so far`;
}

function triggerText(trigger: Json): string {
  const { kind, ...more }: Record<string, unknown> = isJsonObject(trigger) ? trigger : {};
  const told = Object.entries(more).map(([name, value]) => `${name} ${String(value)}`);
  return [String(kind), ...told].join(", ");
}

/** One line a param. */
function paramFields(params: Json): [string, string | null][] {
  if (!isJsonObject(params)) return [["params", JSON.stringify(params)]];
  const named = Object.entries(params);
  if (named.length === 0) return [["params", null]];
  return named.map(([name, value]) => [
    "param",
    `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
  ]);
}

function printWhy(io: Io, why: RunWhyView): void {
  io.out(`${visibleLine(why.summary)}\n`);
  for (const { task, message } of why.holds)
    io.out(`  ${visibleLine(`${task === null ? "" : `${task}: `}${message}`)}\n`);
  io.out("\n");
  printTable(
    io,
    why.history,
    [
      { heading: "AT", cell: ({ at }) => at },
      { heading: "EVENT", cell: ({ name }) => name },
      { heading: "TASK", cell: ({ task, attempt }) => (attempt === null ? task : `${task}.${attempt}`) },
      { heading: "DETAIL", cell: ({ detail }) => detail },
    ],
    "No history.",
  );
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

function shortened(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
