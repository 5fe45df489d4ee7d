import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { AttemptSpec } from "../../src/ports/task-host.ts";
import { type AttemptHandle, endOf } from "../support/attempts.ts";
import { hasControlGroups } from "../support/control-groups.ts";
import { eventually } from "../support/eventually.ts";
import { createProcessHostRig, type ProcessHostRig, type RigOptions } from "../support/process-host-rig.ts";

let rig: ProcessHostRig | undefined;
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

let isGrouped = false;
beforeAll(async () => {
  isGrouped = await hasControlGroups();
});

const LEAVES = { package: { name: "pack", version: "1.0.0", digest: "leaves" }, workflow: "pack/leaves" };

interface Left {
  /** Of the task process. */
  pid: number;
  /** Of what it left. */
  left: number;
  port: number;
}

async function outputOf(attempt: AttemptHandle): Promise<Left> {
  const { output } = await endOf(attempt);
  return JSON.parse(output?.kind === "inline" ? output.json : "null") as Left;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function shell(run: string, change: Partial<AttemptSpec> = {}): Partial<AttemptSpec> {
  return { task: "command", command: { run, env: {} }, ...change };
}

describe.each([
  ["in a control group", true],
  ["by group, tree and marker", false],
])("what an attempt has started ends with it, %s", (_, cgroups) => {
  const make = (options?: RigOptions) => (rig = createProcessHostRig({ concurrency: 1, cgroups, ...options }));
  /** Found only in a control group: its own session, no marker, its parent gone. */
  const ways = ["child", "detached", "daemonized", "session", "childOfWorker", ...(cgroups ? ["unmarked"] : [])];

  test.each(ways)("%s", async (task) => {
    if (cgroups && !isGrouped) return;
    const { run, logs, host } = make();
    const attempt = run({ ...LEAVES, task });
    const { pid, left } = await outputOf(attempt);
    expect(left).toBeGreaterThan(1);
    // By the time that it is answered.
    await eventually(() => !isAlive(left), { everyMs: 1 });
    expect(logs.text(attempt.spec.runId, task)).toMatch(
      new RegExp(`ended what it left running: .*${left} (sleep 600|sh)`),
    );
    expect(logs.text(attempt.spec.runId, task)).toMatch(/-- succeeded after/);
    await eventually(() => host.room("leaves", "shared") === 1 && !isAlive(pid));
    expect(await endOf(run({ ...LEAVES, task: "pid" }))).not.toMatchObject({ output: { json: String(pid) } });
  });

  test("a program that was waited for is nothing left, and the process goes on", async () => {
    if (cgroups && !isGrouped) return;
    const { run, logs } = make();
    const first = run({ ...LEAVES, task: "waitedFor" });
    const { pid } = await outputOf(first);
    expect((await outputOf(run({ ...LEAVES, task: "waitedFor" }))).pid).toBe(pid);
    expect(logs.text(first.spec.runId, "waitedFor")).toBe("");
  });

  test.each(["server", "worker"])("a %s that is left in the process retires it, and its log says so", async (task) => {
    if (cgroups && !isGrouped) return;
    const { run, logs, host } = make();
    const attempt = run({ ...LEAVES, task });
    const { pid } = await outputOf(attempt);
    expect(logs.text(attempt.spec.runId, task)).toMatch(/it left a (server listening|thread running)/);
    await eventually(() => host.room("leaves", "shared") === 1 && !isAlive(pid));
  });

  test("after a failure, in a fresh process, and at a kill", async () => {
    if (cgroups && !isGrouped) return;
    const { run, logs } = make();
    const fresh = await outputOf(run({ ...LEAVES, task: "session", isolation: "fresh" }));
    await eventually(() => !isAlive(fresh.left) && !isAlive(fresh.pid));
    const failed = run({ ...LEAVES, task: "failsWithChild" });
    await failed.answer;
    const pid = Number(/running: (\d+) sleep/.exec(logs.text(failed.spec.runId, "failsWithChild"))?.[1]);
    await eventually(() => !isAlive(pid));
    const stuck = run({ ...LEAVES, task: "blocksWithSession", timeoutMs: 1_000 });
    await stuck.answer;
    const text = logs.text(stuck.spec.runId, "blocksWithSession");
    const left = Number(/^left (\d+)$/m.exec(text)?.[1]);
    expect(text).toMatch(new RegExp(`-- ended what its process left running: .*${left} sleep 600`));
    await eventually(() => !isAlive(left));
  });

  test("of a command: in the background, in another session, after TERM", async () => {
    if (cgroups && !isGrouped) return;
    const { run, logs, host } = make();
    const scripts = [
      "sleep 600 >/dev/null 2>&1 & echo left $!",
      "setsid sh -c 'echo left $$; exec sleep 600' & sleep 0.3",
      ...(cgroups ? ["setsid env -i sh -c 'sleep 600 >/dev/null 2>&1 & echo left $!'"] : []),
    ];
    for (const script of scripts) {
      const attempt = run(shell(script));
      expect(await attempt.answer).toMatchObject({ outcome: "succeeded" });
      const text = logs.text(attempt.spec.runId, "command");
      const left = Number(/^left (\d+)$/m.exec(text)?.[1]);
      expect(text).toMatch(new RegExp(`-- ended what it left running: .*${left} sleep 600`));
      await eventually(() => !isAlive(left));
      await eventually(() => host.running() === 0 && host.room("leaves", "fresh") === 1);
    }
    const clean = run(shell("setsid sleep 0.1; true"));
    await clean.answer;
    expect(logs.text(clean.spec.runId, "command")).toBe("");
  });

  test("at a stop", async () => {
    if (cgroups && !isGrouped) return;
    const { run, host, logs } = make({ concurrency: 2 });
    const task = run({ ...LEAVES, task: "blocksWithSession" });
    const command = run(shell("setsid sh -c 'echo left $$; exec sleep 600' & sleep 600"));
    const found = () =>
      [logs.text(task.spec.runId, "blocksWithSession"), logs.text(command.spec.runId, "command")].map((text) =>
        Number(/^left (\d+)$/m.exec(text)?.[1]),
      );
    await eventually(() => found().every((pid) => pid > 0));
    await host.stop(0);
    await eventually(() => found().every((pid) => !isAlive(pid)));
  });
});
