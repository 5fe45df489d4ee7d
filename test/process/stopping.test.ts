import { afterEach, expect, test } from "vitest";
import { endOf } from "../support/attempts.ts";
import { eventually } from "../support/eventually.ts";
import { createProcessHostRig, type ProcessHostRig, type RigOptions } from "../support/process-host-rig.ts";

let rig: ProcessHostRig | undefined;
const make = (options?: RigOptions) => (rig = createProcessHostRig(options));
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

const LEAVES = { package: { name: "pack", version: "1.0.0", digest: "leaves" }, workflow: "pack/leaves" };

test("a stop aborts the signal first, and a task that heeds it has its time to clean up", async () => {
  const { run, host, logs } = make();
  const attempt = run({ ...LEAVES, task: "cleansUp" });
  await eventually(() => logs.text(attempt.spec.runId, "cleansUp") === "waiting\n");
  await host.stop(5_000);
  const text = logs.text(attempt.spec.runId, "cleansUp");
  expect(text).toContain("AbortError: the daemon is stopping\ncleaned up\n");
  expect(text).toMatch(/^-- the daemon stopped: aborted$/m);
  expect(text).toMatch(/\n-- interrupted after .*: the daemon stopped\n$/);
  expect(text).not.toContain("SIGTERM");
  expect(attempt.calls).toEqual(["started"]);
});

test("a stop sends TERM when the signal was not heeded in time, then KILL; without any time, KILL at once", async () => {
  const { run, host, logs } = make();
  const attempt = run({ ...LEAVES, task: "ignoresAll" });
  await attempt.started;
  const began = performance.now();
  await host.stop(300);
  expect(performance.now() - began).toBeGreaterThan(600);
  const text = logs.text(attempt.spec.runId, "ignoresAll");
  expect(text).toMatch(
    /stopped: aborted\n(.|\n)*stopped: SIGTERM after 3\d\dms\n(.|\n)*stopped: SIGKILL after 6\d\dms\n/,
  );
  expect(text).toContain("got SIGTERM\n");
  await rig?.close();

  const other = make();
  const second = other.run({ ...LEAVES, task: "ignoresAll" });
  await second.started;
  const stopped = other.host.stop(60_000);
  await other.host.stop(0);
  await stopped;
  expect(other.logs.text(second.spec.runId, "ignoresAll")).toMatch(/stopped: SIGKILL after \d+ms\n/);
});

test("a time limit and a cancel take the same steps, and error and log say which and when", async () => {
  const { run, host, logs } = make({ limits: { graceMs: 200 } });
  const late = await endOf(run({ ...LEAVES, task: "ignoresAll", timeoutMs: 1_000 }));
  expect(late).toMatchObject({ outcome: "timed_out", failure: { code: "TASK_TIMED_OUT" } });
  expect(late.failure?.message).toMatch(
    /^it ran longer than 1s: aborted, SIGTERM after 2\d\dms, SIGKILL after 4\d\dms$/,
  );
  const heeds = await endOf(run({ ...LEAVES, task: "cleansUp", timeoutMs: 300 }));
  expect(heeds.failure?.message).toBe("it ran longer than 300ms: aborted");
  const command = run({ task: "command", command: { run: "trap '' TERM; sleep 60 & wait; sleep 60", env: {} } });
  await command.started;
  host.cancel(command.spec.attemptId);
  const cancelled = await endOf(command);
  expect(cancelled.failure?.message).toMatch(/^it was cancelled: SIGTERM, SIGKILL after 2\d\dms$/);
  expect(logs.text(command.spec.runId, "command")).toMatch(/^-- it was cancelled: SIGTERM$/m);
});

test("a task that closes a descriptor of the protocol is ended at once", async () => {
  for (const descriptor of [3, 4]) {
    const { run } = make();
    const began = performance.now();
    const attempt = run({ ...LEAVES, task: "closes", params: JSON.stringify({ descriptor }) });
    expect(await attempt.answer).toMatchObject({
      outcome: "crashed",
      failure: {
        code: "TASK_PROTOCOL",
        message: `its process sent nothing more: it closed descriptor ${descriptor}`,
      },
    });
    expect(performance.now() - began).toBeLessThan(10_000);
    await rig?.close();
  }
});
