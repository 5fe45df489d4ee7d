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

test("what a task puts where its large output belongs fails the attempt at once, and is never opened", async () => {
  for (const script of ["mkfifo FILE", "ln -s /dev/zero FILE", "mkdir FILE"]) {
    const { run, artifacts } = make();
    const result = await endOf(run({ ...LEAVES, task: "plantsOutput", params: JSON.stringify({ script }) }));
    expect(result).toMatchObject({ outcome: "failed", failure: { code: "TASK_FAILED" } });
    expect(result.failure?.message).toContain("EEXIST");
    expect(artifacts.contents.size).toBe(0);
    await rig?.close();
  }
});

test("a process whose folder an attempt has made unfit gives the next attempt to another one", async () => {
  const { run, host } = make({ concurrency: 1 });
  const first = await endOf(run({ ...LEAVES, task: "removesItsPlace" }));
  expect(first).toMatchObject({ outcome: "succeeded" });
  const next = run({ ...LEAVES, task: "pid" });
  const answer = await next.answer;
  if (answer === "givenBack") {
    await eventually(() => host.room("leaves", "shared") === 1);
    expect(await endOf(run({ ...LEAVES, task: "pid" }))).toMatchObject({ outcome: "succeeded" });
  } else {
    expect(answer).toMatchObject({ outcome: "succeeded" });
  }
});
