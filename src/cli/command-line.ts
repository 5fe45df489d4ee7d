import { Command, CommanderError } from "commander";
import { programVersion } from "../daemon/version.ts";
import { errorCatalogue, exitCodes } from "../kernel/error-catalogue.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import { addAuthoringCommands } from "./commands/authoring.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addConfigCommands } from "./commands/config.ts";
import { addDaemonCommands } from "./commands/daemon.ts";
import { addDoctorCommand } from "./commands/doctor.ts";
import { addDriftCommand } from "./commands/drift.ts";
import { addKeyCommands } from "./commands/key.ts";
import { addLogsCommand } from "./commands/logs.ts";
import { addPackageCommands } from "./commands/package.ts";
import { addProofCommands } from "./commands/proof.ts";
import { addReplayCommand } from "./commands/replay.ts";
import { addRunCommands } from "./commands/run.ts";
import { addScheduleCommands } from "./commands/schedule.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addTlogCommands } from "./commands/tlog.ts";
import { addVerifyCommand } from "./commands/verify.ts";
import { addSystemdCommands } from "./commands/systemd.ts";
import { addWorkflowCommands } from "./commands/workflow.ts";
import type { CliContext } from "./context.ts";
import type { Io } from "./io.ts";
import { errorText } from "./report-error.ts";
import { guardedIo } from "./terminal-text.ts";

/** Runs one command and resolves to its exit code. Never rejects. */
export async function runCommandLine(argv: readonly string[], given: Io): Promise<number> {
  const io = guardedIo(given);
  let exitCode: number = exitCodes.ok;
  const program = createProgram({ io, end: (code) => (exitCode = code) });
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (thrown) {
    // Help and version end with this error and code 0.
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return exitCodes.ok;
    const error = thrown instanceof CommanderError ? usageError(thrown) : toCascadeError(thrown);
    io.err(errorText(error, argv.includes("--json")));
    if (error.code === "INTERNAL" && io.environment["CASCADE_DEBUG"]) io.err(`${String(stackOf(thrown))}\n`);
    return exitCodes[errorCatalogue[error.code].exit];
  }
}

/** Every command, its arguments and options. What a command needs is imported when it runs. */
export function createProgram(context: CliContext): Command {
  const { io } = context;
  const program = new Command("cascade")
    .description("Drop a package into a folder and it runs: durably, isolated and provably.")
    .version(programVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text),
      // Errors are reported in one form, whoever found them; a group without a command prints its help here.
      writeErr: (text) => io.err(text),
      outputError: () => undefined,
    });
  program.commandsGroup("Write packages:");
  addAuthoringCommands(program, context);
  addKeyCommands(program, context);
  program.commandsGroup("Operate the daemon:");
  addDaemonCommands(program, context);
  addStatusCommand(program, context);
  addDoctorCommand(program, context);
  addConfigCommands(program, context);
  addSystemdCommands(program, context);
  program.commandsGroup("Packages, workflows, schedules:");
  addPackageCommands(program, context);
  addWorkflowCommands(program, context);
  addScheduleCommands(program, context);
  program.commandsGroup("Runs:");
  addRunCommands(program, context);
  addLogsCommand(program, context);
  program.commandsGroup("Proofs:");
  addProofCommands(program, context);
  addVerifyCommand(program, context);
  addTlogCommands(program, context);
  addDriftCommand(program, context);
  addReplayCommand(program, context);
  program.commandsGroup("Shell:");
  addCompletionCommand(program, context);
  for (const group of program.commands) group.helpCommand(false);
  return program;
}

function usageError(error: CommanderError): CascadeError {
  if (error.code === "commander.help") {
    return new CascadeError("USAGE", "a command is missing", { hint: "Choose one of the commands above." });
  }
  const [message = "", ...more] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = meantBy(message) ?? more.join(" ").replace(/^\((.*)\)$/, "$1");
  return new CascadeError("USAGE", message, suggestion === "" ? {} : { hint: suggestion });
}

/** What other programs call the same thing. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  start: "`cascade daemon` starts the daemon, `cascade run start` a run of a workflow.",
  restart:
    "`cascade stop`, then `cascade daemon`; as a service, `systemctl restart cascade`. `cascade reload` takes a changed configuration over.",
  trigger: "`cascade run start` starts a run of a workflow.",
  ps: "`cascade run list` lists the runs.",
  ls: "`cascade package list`, `cascade workflow list` and `cascade run list` list them.",
};

function meantBy(message: string): string | undefined {
  const [, word = ""] = /^unknown command '([^']*)'/.exec(message) ?? [];
  return OTHER_WORDS[word];
}

function stackOf(thrown: unknown): unknown {
  return thrown instanceof Error ? thrown.stack : thrown;
}
