import { Argument, type Command } from "commander";
import type { CliContext } from "../context.ts";
import { completionScript, completionShells, type CompletionShell } from "../completion-script.ts";

export function addCompletionCommand(program: Command, { io }: CliContext): void {
  program
    .command("completion")
    .description("print a completion script for a shell")
    .addArgument(new Argument("<shell>", "the shell").choices(completionShells))
    .action((shell: CompletionShell) => {
      const paths = new Map<string, string[]>();
      collect(program, "", paths);
      io.out(completionScript(shell, paths));
    });
}

/** What may follow each command path: its subcommands and long options. */
function collect(command: Command, path: string, paths: Map<string, string[]>): void {
  const options = command.options.flatMap(({ long }) => long ?? []);
  const commands = command.commands.map((child) => child.name());
  paths.set(path, [...commands, ...options, "--help"]);
  for (const child of command.commands) collect(child, `${path} ${child.name()}`.trim(), paths);
}
