import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, rmdirSync, rmSync } from "node:fs";
import { assertNever } from "../kernel/assert.ts";
import { writeFileAtomic } from "../kernel/atomic-file.ts";
import { CascadeError, systemErrorCode } from "../kernel/errors.ts";
import type { PlanStep, SystemdPlan } from "./systemd-install.ts";

/** The lines that `--dry-run` shows: every command as it would be typed, every file with its text. */
export function describePlan(plan: SystemdPlan): string[] {
  return plan.steps.flatMap((step) => {
    switch (step.do) {
      case "run":
        return [`run    ${step.argv.join(" ")}`];
      case "folder":
        return [`folder ${step.path} (mode ${octal(step.mode)}, if missing)`];
      case "file":
        return [`write  ${step.path} (mode ${octal(step.mode)})`, ...indented(step.content)];
      case "remove":
        return [`remove ${step.path}`];
      case "remove-if-empty":
        return [`remove ${step.path} (if empty)`];
      default:
        return assertNever(step);
    }
  });
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

function indented(text: string): string[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `       ${line}`.trimEnd());
}

/** Does the steps in order and stops at the first that fails. Refuses a plan with problems. */
export function applyPlan(plan: SystemdPlan): void {
  const first = plan.problems[0];
  if (first)
    throw new CascadeError(first.code, `${first.place}: ${first.message}`, {
      problems: plan.problems,
      hint: first.hint,
    });
  for (const step of plan.steps) applyStep(step);
}

function applyStep(step: PlanStep): void {
  switch (step.do) {
    case "run":
      return run(step.argv);
    case "folder":
      return attempt(step.path, () => void mkdirSync(step.path, { recursive: true, mode: step.mode }));
    case "file":
      return attempt(step.path, () => {
        writeFileAtomic(step.path, step.content, { mode: step.mode });
        // The umask may have taken bits away that the service needs.
        chmodSync(step.path, step.mode);
      });
    case "remove":
      return attempt(step.path, () => rmSync(step.path, { force: true }));
    case "remove-if-empty":
      return attempt(step.path, () => removeIfEmpty(step.path));
    default:
      return assertNever(step);
  }
}

function removeIfEmpty(folder: string): void {
  try {
    if (existsSync(folder)) rmdirSync(folder);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOTEMPTY") throw error;
  }
}

function attempt(path: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    const code = systemErrorCode(error) ?? String(error);
    throw new CascadeError("CANNOT_CREATE", `cannot change ${path} (${code})`, { cause: error });
  }
}

/** Longer than a service takes to stop. */
const COMMAND_WITHIN_MS = 180_000;

function run([program = "", ...args]: readonly string[]): void {
  const { status, error, stderr } = spawnSync(program, args, { encoding: "utf8", timeout: COMMAND_WITHIN_MS });
  if (status === 0) return;
  const reason = error?.message ?? (stderr.trim() || `exit status ${status}`);
  throw new CascadeError("CANNOT_CREATE", `\`${[program, ...args].join(" ")}\` failed: ${reason}`, {
    hint: "Correct what it names, then run the same command again.",
  });
}
