import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import { type Problem, problem } from "../../kernel/errors.ts";
import { findDependency } from "./linked-dependencies.ts";
import { linkTypes, type ScaffoldTypes, TYPES_FOLDER } from "./scaffold.ts";

const TIME_LIMIT_MS = 120_000;
const PROBLEMS_MAX = 100;
const OUTPUT_MAX = 1_000_000;

export interface TypeChecker {
  nodePath: string;
  types: ScaffoldTypes;
  clock: Pick<Clock, "after">;
}

/** What the compiler says, or why it was not asked. */
export type TypeReading = { checked: true; problems: readonly Problem[] } | { checked: false; reason: string };

/** Runs the package's own TypeScript over its `tsconfig.json`, after renewing the links to this program's types there. */
export async function checkTypes(folder: string, { nodePath, types, clock }: TypeChecker): Promise<TypeReading> {
  const config = await readFile(join(folder, "tsconfig.json"), "utf8").catch(() => undefined);
  if (config === undefined) return { checked: false, reason: "there is no tsconfig.json" };
  if (config.includes(TYPES_FOLDER) && !existsSync(join(folder, TYPES_FOLDER, "cascaded"))) {
    await linkTypes(folder, types);
  }
  const compiler = join(findDependency(folder, "typescript") ?? "", "bin/tsc");
  if (!existsSync(compiler)) {
    return { checked: false, reason: "the package has no typescript; `npm install --save-dev typescript` adds it" };
  }
  const args = [compiler, "--noEmit", "--pretty", "false", "--project", "tsconfig.json"];
  const { code, output } = await run(nodePath, args, folder, clock);
  if (code === 0) return { checked: true, problems: [] };
  const problems = problemsIn(output);
  if (problems.length > 0) return { checked: true, problems };
  const last = output.trim().split("\n").slice(-3).join(" ");
  return {
    checked: false,
    reason: `the package's tsc ended ${code === null ? "by a signal" : `with code ${code}`}: ${last}`,
  };
}

/** `workflow.ts(3,5): error TS2339: …`, with further lines indented. */
function problemsIn(output: string): Problem[] {
  const problems: Problem[] = [];
  for (const [, file, line, column, code, text] of output.matchAll(
    /^(?:(\S.*)\((\d+),(\d+)\): )?error (TS\d+): (.*(?:\n[ \t].*)*)/gm,
  )) {
    if (problems.length === PROBLEMS_MAX) break;
    const place = file === undefined ? "tsconfig.json" : `${file}:${line}:${column}`;
    problems.push(problem("TYPES_WRONG", place, `${text!.trim().replace(/\s*\n\s*/g, "; ")} (${code})`));
  }
  return problems;
}

function run(nodePath: string, args: readonly string[], folder: string, clock: Pick<Clock, "after">) {
  return new Promise<{ code: number | null; output: string }>((resolve, reject) => {
    const child = spawn(nodePath, args, {
      cwd: folder,
      env: { PATH: dirname(nodePath) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const cancel = clock.after(TIME_LIMIT_MS, () => child.kill("SIGKILL"));
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        if (output.length < OUTPUT_MAX) output += text;
      });
    }
    child.once("error", (error) => {
      cancel();
      reject(error);
    });
    child.once("close", (code) => {
      cancel();
      resolve({ code, output });
    });
  });
}
