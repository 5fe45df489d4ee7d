import type { Command } from "commander";
import type { WorkflowDetailView } from "../../app/views.ts";
import { isJsonObject, type Json } from "../../kernel/json.ts";
import { type CliContext, type DataOption, type JsonOption, shared } from "../context.ts";
import { withDaemon, withQueries } from "../connection.ts";
import { printJson, shortSpan, shortTime } from "../format.ts";
import type { Io } from "../io.ts";
import { printFields, printTable } from "../table.ts";

export function addWorkflowCommands(program: Command, { io }: CliContext): void {
  const group = program.command("workflow").description("workflows of the loaded packages");

  group
    .command("list")
    .description("list workflows and when they fire next")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async ({ json, ...option }: DataOption & JsonOption) => {
      const workflows = await withQueries(io, option, (queries) => queries.workflows());
      if (json) return printJson(io, workflows);
      printTable(
        io,
        workflows,
        [
          { heading: "WORKFLOW", cell: ({ id }) => id },
          { heading: "VERSION", cell: ({ version }) => version },
          { heading: "STATE", cell: ({ paused }) => (paused ? "paused" : "active") },
          { heading: "TASKS", cell: ({ tasks }) => tasks },
          { heading: "NEXT", cell: ({ nextAt }) => shortTime(nextAt) },
          { heading: "DESCRIPTION", cell: ({ description }) => description },
        ],
        "No workflows: no package is loaded.",
      );
    });

  group
    .command("show")
    .description("show one workflow: its tasks, params and schedules")
    .argument("<name>", "package/workflow, or the workflow alone while it is unique")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async (name: string, { json, ...option }: DataOption & JsonOption) => {
      const found = await withQueries(io, option, (queries) => queries.workflow(name));
      if (json) return printJson(io, found);
      print(io, found);
    });

  for (const verb of ["pause", "resume"] as const) {
    group
      .command(verb)
      .description(verb === "pause" ? "let no new run of it begin" : "let its runs begin again")
      .argument("<name>", "package/workflow, or the workflow alone while it is unique")
      .addOption(shared.data())
      .addOption(shared.json())
      .action(async (name: string, { json, ...option }: DataOption & JsonOption) => {
        const found = await withDaemon(io, option, (client) =>
          verb === "pause" ? client.pauseWorkflow(name) : client.resumeWorkflow(name),
        );
        if (json) return printJson(io, found);
        io.out(`${found.id} is ${found.paused ? "paused" : "active"}\n`);
      });
  }
}

function print(io: Io, found: WorkflowDetailView): void {
  printFields(io, [
    ["workflow", found.id],
    ["version", found.version],
    ["state", found.paused ? "paused" : "active"],
    ["description", found.description],
    ["timeout", shortSpan(found.timeoutMs)],
    ["concurrency", found.concurrency],
    ["next", shortTime(found.nextAt)],
    ["params", found.params === null ? "any" : JSON.stringify(found.params)],
    ...found.schedules.map(({ name, cron, timezone, state }): [string, string] => [
      "schedule",
      `${name}: ${cron} (${timezone}), ${state}`,
    ]),
    ...found.tasks.map((task): [string, string] => ["task", taskLine(task)]),
  ]);
}

function taskLine(task: Json): string {
  const { name, after }: Record<string, unknown> = isJsonObject(task) ? task : {};
  return Array.isArray(after) && after.length > 0 ? `${String(name)} after ${after.join(", ")}` : String(name);
}
