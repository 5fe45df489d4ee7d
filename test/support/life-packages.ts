import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { packTo } from "./built-program.ts";

/** Environment variables that the package of this file declares. */
export const OUTSIDE = "OUTSIDE";

/**
 * Workflows of the package `life`. `OUTSIDE` names a folder: every attempt appends `run task attempt` to `log` in it, and
 * `run task attempt done` when its work is done.
 *
 * quick    returns at once
 * gated    waits until `gate` is there, then a second task follows
 * stubborn never ends and hears no signal; a process it starts does not either
 * escaped  never ends, and a process it starts leaves its group
 * once     never ends until `gate` is there, and may not run again
 * deadly   kills the daemon
 * tick     each second, the latest missed instant is caught up; only `life-tick` has it
 */
const LIFE = `
import { spawn } from "node:child_process";
import { appendFileSync, existsSync } from "node:fs";
import { workflow } from "cascaded";

const outside = process.env.OUTSIDE ?? "";
function note(here: { runId: string; attempt: number }, task: string, end = ""): void {
  appendFileSync(outside + "/log", here.runId + " " + task + " " + here.attempt + end + "\\n");
}
async function gate(here: { runId: string; attempt: number; signal: AbortSignal }, task: string): Promise<null> {
  note(here, task);
  while (!existsSync(outside + "/gate") && !here.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 10));
  note(here, task, " done");
  return null;
}

export const quick = workflow("quick").task("quick", (here) => {
  note(here, "quick");
  note(here, "quick", " done");
  return null;
});

export const gated = workflow("gated")
  .task("first", (here) => gate(here, "first"))
  .task("second", { after: ["first"] }, (here) => gate(here, "second"));

export const once = workflow("once").task("once", { onInterrupted: "fail" }, (here) => gate(here, "once"));

export const stubborn = workflow("stubborn").task("stubborn", (here) => {
  if (existsSync(outside + "/gate")) return null;
  process.on("SIGTERM", () => undefined);
  spawn("sh", ["-c", "trap '' TERM; while :; do sleep 1; done"], { stdio: "ignore" });
  note(here, "stubborn");
  for (;;);
});

export const escaped = workflow("escaped").task("escaped", (here) => {
  if (existsSync(outside + "/gate")) return null;
  spawn("sleep", ["1000"], { stdio: "ignore", detached: true }).unref();
  note(here, "escaped");
  return gate(here, "escaped");
});

export const deadly = workflow("deadly").task("deadly", (here) => {
  note(here, "deadly");
  process.kill(process.ppid, "SIGKILL");
  return new Promise<null>(() => undefined);
});
`;

const TICK = `
import { cron, workflow } from "cascaded";
export default workflow("tick", {
  // A run that the end of a daemon cut off may still be active at the next start, when the missed instant is due.
  on: [cron("* * * * * *", { name: "each-second", catchUp: "latest", overlap: "allow" })],
})
  .task("tick", () => null);
`;

/** Packs them once for a test file; answers where they are. */
export function lifePackages(): { life: string; tick: string } {
  const folder = mkdtempSync(join(tmpdir(), "cascade-life-"));
  const files = { life: join(folder, "life-1.0.0.cascade"), tick: join(folder, "life-tick-1.0.0.cascade") };
  beforeAll(async () => {
    await packTo(files.life, { name: "life", cascade: { env: [OUTSIDE] }, source: LIFE });
    await packTo(files.tick, { name: "life-tick", source: TICK });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return files;
}
