import { packTo } from "./built-program.ts";

/** The environment variable through which the tasks of the load learn of the outside file. */
export const OUTSIDE_LOG = "OUTSIDE_LOG";

/**
 * What the daemon is killed under. Every attempt appends `run task attempt` to the outside file when it begins and
 * `run task attempt done` when its work is done.
 *
 * load/chain   three tasks, the second with an output over 64 KiB; its starts are logged
 * load/flaky   fails its first attempt
 * load/tick    each second, by schedule; its starts are logged
 * shell/shell  a command, and one with a large output
 */
const LOAD = `
import { appendFileSync } from "node:fs";
import { cron, workflow } from "cascaded";

interface Here { runId: string; attempt: number }
function note({ runId, attempt }: Here, task: string, end = ""): void {
  appendFileSync(process.env.OUTSIDE_LOG ?? "", \`\${runId} \${task} \${attempt}\${end}\\n\`);
}
async function work<T>(here: Here, task: string, result: T): Promise<T> {
  note(here, task);
  await new Promise((resolve) => setTimeout(resolve, 15));
  note(here, task, " done");
  return result;
}

export const chain = workflow("chain", { logStart: true })
  .task("small", (here) => work(here, "small", { value: 1 }))
  .task("large", { after: ["small"] }, (here) => work(here, "large", "x".repeat(100_000)))
  .task("last", { after: ["large"] }, (here) => work(here, "last", here.upstream.large.length));

export const flaky = workflow("flaky")
  .task("flaky", { retry: { attempts: 20, backoff: "fixed", delay: "50ms" } }, (here) => {
    note(here, "flaky");
    if (here.attempt === 1) throw new Error("the first attempt fails");
    note(here, "flaky", " done");
    return null;
  });

export const tick = workflow("tick", { logStart: true, on: [cron("* * * * * *", { name: "each-second" })] })
  .task("tick", (here) => work(here, "tick", null));
`;

const SHELL = `
name: shell
tasks:
  write:
    run: |
      echo "$CASCADE_RUN_ID write $CASCADE_ATTEMPT" >> "$OUTSIDE_LOG"
      printf '"%0100000d"' 0 > "$CASCADE_OUTPUT"
      echo "$CASCADE_RUN_ID write $CASCADE_ATTEMPT done" >> "$OUTSIDE_LOG"
  read:
    after: write
    run: |
      echo "$CASCADE_RUN_ID read $CASCADE_ATTEMPT" >> "$OUTSIDE_LOG"
      echo "$CASCADE_RUN_ID read $CASCADE_ATTEMPT done" >> "$OUTSIDE_LOG"
`;

/** Packs them into a folder. */
export async function packLoad(folder: string): Promise<void> {
  const cascade = { env: [OUTSIDE_LOG] };
  await packTo(`${folder}/load-1.0.0.cascade`, { name: "load", cascade, source: LOAD });
  await packTo(`${folder}/shell-1.0.0.cascade`, { name: "shell", cascade, yaml: SHELL });
}

export interface OutsideLine {
  run: string;
  task: string;
  attempt: number;
  done: boolean;
}

export function parseOutsideLog(text: string): OutsideLine[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [run = "", task = "", attempt = "", done] = line.split(" ");
      return { run, task, attempt: Number(attempt), done: done === "done" };
    });
}
