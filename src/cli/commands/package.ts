import type { Command } from "commander";
import { visibleLine } from "../../kernel/visible-text.ts";
import { type CliContext, type DataOption, type JsonOption, shared } from "../context.ts";
import { withDaemon, withQueries } from "../connection.ts";
import { printJson, shortSize, shortTime } from "../format.ts";
import { printFields, printTable } from "../table.ts";
import { addPackageSigningCommands } from "./package-signing.ts";

export function addPackageCommands(program: Command, context: CliContext): void {
  const { io } = context;
  const group = program.command("package").description("packages in the watched folders");

  group
    .command("list")
    .description("list packages, with the reason for each rejected one")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async ({ json, ...option }: DataOption & JsonOption) => {
      const packages = await withQueries(io, option, (queries) => queries.packages());
      if (json) return printJson(io, packages);
      printTable(
        io,
        packages,
        [
          { heading: "NAME", cell: ({ name }) => name },
          { heading: "VERSION", cell: ({ version, active }) => (version && active ? `${version} *` : version) },
          { heading: "STATE", cell: ({ state }) => state },
          { heading: "DIGEST", cell: ({ digest }) => digest?.slice(0, 12) ?? null },
          { heading: "FILE", cell: ({ file }) => file },
        ],
        "No packages. Drop a .cascade file into a watched folder; `cascade status` shows which.",
      );
      for (const { file, error } of packages) {
        if (error) {
          io.err(`${visibleLine(`${file}: ${error.code}: ${error.message}`)}\n  hint: ${visibleLine(error.hint)}\n`);
        }
      }
    });

  group
    .command("show")
    .description("show one package: what it holds and where it came from")
    .argument("<name>", "name of the package")
    .argument("[version]", "its version (default: the active one)")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async (name: string, version: string | undefined, { json, ...option }: DataOption & JsonOption) => {
      const found = await withQueries(io, option, (queries) => queries.package(name, version ?? null));
      if (json) return printJson(io, found);
      printFields(io, [
        ["name", found.name],
        ["version", `${found.version}${found.active ? " (active)" : ""}`],
        ["state", found.state],
        ["digest", found.digest],
        ["file", found.file],
        ["loaded", shortTime(found.loadedAt)],
        ["admission", found.admission],
        ["signed by", found.signers.join(", ") || null],
        ["description", found.description],
        ["workflows", found.workflows.join(", ")],
        ["environment", found.env.join(", ") || null],
        ...found.files.map(({ path, size }): [string, string] => ["contains", `${path} (${shortSize(size)})`]),
      ]);
    });

  group
    .command("remove")
    .description("delete a package's files from the watched folders")
    .argument("<name>", "name of the package")
    .argument("[version]", "its version (default: every version)")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async (name: string, version: string | undefined, { json, ...option }: DataOption & JsonOption) => {
      const report = await withDaemon(io, option, (client) => client.removePackage(name, version ?? null));
      if (json) return printJson(io, report);
      for (const file of report.removed) io.out(`${visibleLine(file)}\n`);
    });

  addPackageSigningCommands(group, context);
}
