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
    ...paramFields(found.params),
    ...found.schedules.map(({ name, cron, timezone, state }): [string, string] => [
      "schedule",
      `${name}: ${cron} (${timezone}), ${state}`,
    ]),
    ...found.tasks.map((task): [string, string] => ["task", taskLine(task)]),
  ]);
}

/** What it waits for, what it runs, how long it may take, and how often it is tried. */
function taskLine(task: Json): string {
  const { name, after, command, timeoutMs, retry }: Record<string, unknown> = isJsonObject(task) ? task : {};
  const facts = [
    ...(Array.isArray(after) && after.length > 0 ? [`after ${after.join(", ")}`] : []),
    ...(typeof timeoutMs === "number" ? [`timeout ${shortSpan(timeoutMs)}`] : []),
    ...(isJsonObject(retry) ? [retryText(retry)] : []),
    ...(isJsonObject(command) && typeof command["run"] === "string" ? [`runs ${oneLine(command["run"])}`] : []),
  ];
  return facts.length === 0 ? String(name) : `${String(name)}: ${facts.join("; ")}`;
}

function retryText({ attempts, backoff, delayMs }: Record<string, unknown>): string {
  if (typeof attempts !== "number" || attempts <= 1) return "one attempt";
  const delay = typeof delayMs === "number" ? `, ${String(backoff)} from ${shortSpan(delayMs)}` : "";
  return `up to ${attempts} attempts${delay}`;
}

function oneLine(command: string): string {
  const [first = "", ...more] = command.trim().split("\n");
  return more.length === 0 ? first : `${first} … (${more.length + 1} lines)`;
}

/** One line a param of a JSON Schema that describes an object; the schema itself of any other. */
function paramFields(params: Json | null): [string, string][] {
  const properties = isJsonObject(params) ? params["properties"] : undefined;
  if (params === null || !isJsonObject(params)) return [["params", "any"]];
  if (!isJsonObject(properties)) return [["params", JSON.stringify(params)]];
  const required = Array.isArray(params["required"]) ? params["required"] : [];
  const fields = Object.entries(properties).map(([name, schema]): [string, string] => {
    const { type, format, default: fallback, enum: choices, description } = isJsonObject(schema) ? schema : {};
    const words = [type, format].filter((word) => typeof word === "string").join(" ") || "any";
    const kind = Array.isArray(choices) ? choices.map((one) => JSON.stringify(one)).join(" | ") : words;
    const presence = required.includes(name)
      ? "required"
      : fallback === undefined
        ? "optional"
        : `default ${JSON.stringify(fallback)}`;
    return ["param", `${name}: ${kind}, ${presence}${typeof description === "string" ? `; ${description}` : ""}`];
  });
  return fields.length === 0 ? [["params", "none"]] : fields;
}
