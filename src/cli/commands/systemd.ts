import { type Command, Option } from "commander";
import type { SystemdPlan } from "../../daemon/systemd-install.ts";
import { errorCatalogue, exitCodes } from "../../kernel/error-catalogue.ts";
import type { CliContext } from "../context.ts";
import { problemLines } from "../report-error.ts";

interface PlanOptions {
  user?: true;
  runAs?: string;
  dryRun?: true;
}

export function addSystemdCommands(program: Command, { io, end }: CliContext): void {
  const group = program.command("systemd").description("the daemon as a systemd service");

  async function carryOut(options: PlanOptions, plan: SystemdPlan): Promise<void> {
    const { applyPlan, describePlan } = await import("../../daemon/systemd-apply.ts");
    if (options.dryRun) {
      io.out(
        describePlan(plan)
          .map((line) => `${line}\n`)
          .join(""),
      );
      const [first] = plan.problems;
      if (!first) return;
      io.err(`It would be refused:\n${problemLines(plan.problems).join("\n")}\n`);
      return end(exitCodes[errorCatalogue[first.code].exit]);
    }
    applyPlan(plan);
    for (const note of plan.notes) io.out(`${note}\n`);
  }

  group
    .command("install")
    .description("install the service on this host, or for this user")
    .option("--user", "for the user's manager instead of the system's")
    .addOption(
      new Option("--run-as <account>", "run the system's service as this account, with its home").conflicts("user"),
    )
    .option("--dry-run", "only print what would be done")
    .action(async (options: PlanOptions) => {
      const [{ installFacts }, { planInstall }] = await Promise.all([
        import("../../daemon/systemd-host.ts"),
        import("../../daemon/systemd-install.ts"),
      ]);
      await carryOut(
        options,
        planInstall(installFacts({ ...io, user: options.user === true, runAs: options.runAs ?? null })),
      );
    });

  group
    .command("uninstall")
    .description("undo the installation; data stays")
    .option("--user", "for the user's manager instead of the system's")
    .option("--dry-run", "only print what would be done")
    .action(async (options: PlanOptions) => {
      const [{ hostFacts }, { planUninstall }] = await Promise.all([
        import("../../daemon/systemd-host.ts"),
        import("../../daemon/systemd-install.ts"),
      ]);
      await carryOut(options, planUninstall(hostFacts({ ...io, user: options.user === true })));
    });
}
