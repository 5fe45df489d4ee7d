import { type Command, Option } from "commander";
import { errorCatalogue, exitCodes } from "../../kernel/error-catalogue.ts";
import { toCascadeError } from "../../kernel/errors.ts";
import { type CliContext, type DataOption, type JsonOption, shared } from "../context.ts";
import { printJson } from "../format.ts";
import type { Io } from "../io.ts";
import { printTable } from "../table.ts";

interface ConfigOptions extends DataOption {
  config?: string;
}

export function addConfigCommands(program: Command, { io, end }: CliContext): void {
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
    .addOption(shared.json())
    .action(async ({ json, ...option }: ConfigOptions & JsonOption) => {
      if (json) return checkAsJson(io, option, end);
      const { path, exists } = await load(io, option);
      io.out(exists ? `${path} is valid\n` : `there is no ${path}: defaults and environment are valid\n`);
    });
}

/** What is wrong is the answer here, not a failure to answer. */
async function checkAsJson(io: Io, option: ConfigOptions, end: CliContext["end"]): Promise<void> {
  try {
    const { path, exists } = await load(io, option);
    printJson(io, { valid: true, file: path, exists, problems: [] });
  } catch (error) {
    const { code, message, hint, problems } = toCascadeError(error);
    const { exit } = errorCatalogue[code];
    if (exit !== "configuration") throw error;
    end(exitCodes[exit]);
    const found = problems.length > 0 ? problems : [{ code, message, hint, place: null }];
    printJson(io, { valid: false, file: null, exists: null, problems: found });
  }
}

async function load(io: Io, { data, config }: ConfigOptions) {
  const [{ configRows, hostFacts, loadConfig }, { dataFolderAt, dataFolderOfDaemon }, { configOfDaemon }] =
    await Promise.all([
      import("../../daemon/config-file.ts"),
      import("../../daemon/data-folder.ts"),
      import("../../daemon/daemon-view.ts"),
    ]);
  const { environment, workingDir, home } = io;
  const folder = dataFolderAt(dataFolderOfDaemon({ flag: data, environment, workingDir, home }).root);
  const loaded = loadConfig({
    environment,
    workingDir,
    home,
    flags: { watch: [], config: configOfDaemon(folder, config) },
    facts: hostFacts(folder, environment),
    uid: io.uid,
  });
  return { rows: configRows(loaded), ...loaded.file };
}
