import { type Command, Option } from "commander";
import { type CliContext, type DataOption, type JsonOption, shared } from "../context.ts";
import { printJson } from "../format.ts";
import type { Io } from "../io.ts";
import { printTable } from "../table.ts";

interface ConfigOptions extends DataOption {
  config?: string;
}

export function addConfigCommands(program: Command, { io }: CliContext): void {
  const group = program.command("config").description("the daemon's configuration");
  const file = () => new Option("--config <file>", "the configuration file");

  group
    .command("show")
    .description("show the configuration that a daemon started here would have")
    .option("--origin", "show where each value comes from")
    .addOption(file())
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async ({ json, origin, ...option }: ConfigOptions & JsonOption & { origin?: true }) => {
      const { rows } = await load(io, option);
      const shown = origin ? rows : rows.map(({ key, value, reload }) => ({ key, value, reload }));
      if (json) return printJson(io, shown);
      printTable(
        io,
        rows,
        [
          { heading: "KEY", cell: ({ key }) => key },
          { heading: "VALUE", cell: ({ value }) => value },
          { heading: "CHANGES", cell: ({ reload }) => (reload ? "on reload" : "at restart") },
          ...(origin ? [{ heading: "ORIGIN", cell: (row: (typeof rows)[number]) => row.origin }] : []),
        ],
        "No keys.",
      );
    });

  group
    .command("check")
    .description("show every problem of the configuration")
    .addOption(file())
    .addOption(shared.data())
    .action(async (option: ConfigOptions) => {
      const { path, exists } = await load(io, option);
      io.out(exists ? `${path} is valid\n` : `there is no ${path}: defaults and environment are valid\n`);
    });
}

async function load(io: Io, { data, config }: ConfigOptions) {
  const [{ configRows, hostFacts, loadConfig }, { dataFolderAt, dataFolderOfDaemon }] = await Promise.all([
    import("../../daemon/config-file.ts"),
    import("../../daemon/data-folder.ts"),
  ]);
  const { environment, workingDir, home } = io;
  const folder = dataFolderAt(dataFolderOfDaemon({ flag: data, environment, workingDir, home }).root);
  const loaded = loadConfig({
    environment,
    workingDir,
    home,
    flags: { watch: [], config },
    facts: hostFacts(folder, environment),
    uid: io.uid,
  });
  return { rows: configRows(loaded), ...loaded.file };
}
