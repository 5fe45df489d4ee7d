import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { endOf } from "../support/attempts.ts";
import { eventually } from "../support/eventually.ts";
import { createProcessHostRig, type ProcessHostRig, type RigOptions } from "../support/process-host-rig.ts";

let rig: ProcessHostRig | undefined;
const make = (options?: RigOptions) => (rig = createProcessHostRig(options));
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

/** Every way costs its own attempt, and the next attempt of the package succeeds. */
const ways = [
  ["exits with 0 in the middle", "exit0", { outcome: "crashed", code: "TASK_EXITED", exitCode: 0 }],
  ["exits with 3 in the middle", "exit3", { outcome: "crashed", code: "TASK_EXITED", exitCode: 3 }],
  ["exits in a timer", "exitInTimer", { outcome: "crashed", code: "TASK_EXITED", exitCode: 4 }],
  ["is killed by a signal", "killed", { outcome: "crashed", code: "TASK_KILLED", exitCode: null }],
  ["aborts its process", "aborts", { outcome: "crashed", code: "TASK_KILLED", exitCode: null }],
  ["writes rubbish to the protocol", "rubbish", { outcome: "crashed", code: "TASK_PROTOCOL", exitCode: null }],
  ["writes a frame of wrong types", "wrongFrame", { outcome: "crashed", code: "TASK_PROTOCOL", exitCode: null }],
  ["writes an endless line", "endlessLine", { outcome: "crashed", code: "TASK_PROTOCOL", exitCode: null }],
  ["answers for another attempt", "answersForOthers", { outcome: "crashed", code: "TASK_PROTOCOL", exitCode: null }],
  ["throws in a timer", "uncaught", { outcome: "failed", code: "TASK_FAILED", exitCode: null }],
  ["leaves a rejection alone", "unhandled", { outcome: "failed", code: "TASK_FAILED", exitCode: null }],
  ["rejects with a text", "throwsText", { outcome: "failed", code: "TASK_FAILED", exitCode: null }],
  ["throws what cannot be shown", "throwsOdd", { outcome: "failed", code: "TASK_FAILED", exitCode: null }],
] as const;

describe("a task that misbehaves costs its own attempt", () => {
  let shared: ProcessHostRig | undefined;
  afterAll(() => shared?.close());

  for (const [title, task, expected] of ways) {
    test(`one that ${title} ends ${expected.outcome} with ${expected.code}`, async () => {
      shared ??= createProcessHostRig({ concurrency: 1 });
      const attempt = shared.run({ task });
      const result = await endOf(attempt);
      expect({ outcome: result.outcome, code: result.failure?.code, exitCode: result.exitCode }).toEqual(expected);
      expect(result.failure?.hint).not.toBe("");
      expect(attempt.calls).toEqual(["started", "ended"]);
      await eventually(() => shared!.host.room("misbehave", "shared") === 1);
      expect(await endOf(shared.run())).toMatchObject({ outcome: "succeeded" });
    });
  }

  test("what it printed before its process went away is in its log, with a last line that says how it ended", async () => {
    const { run, logs } = make();
    for (const [task, said, end] of [
      ["exit3", "before the exit", /\n-- crashed after .* with exit code 3: TASK_EXITED .*\n$/],
      ["killed", "before the kill", /\n-- crashed after .*: TASK_KILLED .*SIGKILL\n$/],
    ] as const) {
      const { spec, answer } = run({ task });
      await answer;
      expect(logs.text(spec.runId, task)).toContain(said);
      expect(logs.text(spec.runId, task)).toMatch(end);
    }
  });

  test("a blocked loop is timed out and killed, and what it printed before is kept", async () => {
    const { run, logs } = make();
    const attempt = run({ task: "blocks", timeoutMs: 200 });
    expect(await attempt.answer).toMatchObject({ outcome: "timed_out", failure: { code: "TASK_TIMED_OUT" } });
    expect(logs.text(attempt.spec.runId, "blocks")).toContain("before the block\n");
  });

  test("a blocked loop is cancelled in no more than the grace", async () => {
    const { run, host } = make();
    const attempt = run({ task: "blocks" });
    await attempt.started;
    host.cancel(attempt.spec.attemptId);
    expect(await attempt.answer).toMatchObject({ outcome: "cancelled" });
  });

  test("one that ignores the abort signal is killed after the grace; one that succeeds after it is timed out", async () => {
    const { run } = make();
    for (const task of ["ignoresAbort", "succeedsAfterAbort", "heedsAbort"]) {
      expect(await run({ task, timeoutMs: 60 }).answer).toMatchObject({ outcome: "timed_out", output: null });
    }
  });

  test("the first of two answers counts", async () => {
    const { run, logged } = make();
    expect(await run({ task: "answersTwice" }).answer).toMatchObject({
      outcome: "succeeded",
      output: { json: '"first"' },
    });
    await eventually(() => logged.some(({ fields }) => fields.event === "host.answered_twice"));
    expect(await run().answer).toMatchObject({ outcome: "succeeded" });
  });

  test("an answer that comes in pieces, and one whose process dies right after it, count", async () => {
    for (const [task, json] of [
      ["answersSplit", '"split"'],
      ["answersThenDies", '"whole"'],
    ] as const) {
      const { run } = make();
      expect(await run({ task }).answer).toMatchObject({ outcome: "succeeded", output: { json } });
      await rig?.close();
    }
  });

  test("one that closes descriptors 1 and 2 keeps its result, and its process is replaced", async () => {
    const { run } = make({ concurrency: 1, limits: { drainMs: 100 } });
    const before = await endOf(run({ task: "pid" }));
    expect(await run({ task: "closesDescriptors" }).answer).toMatchObject({ output: { json: '"closed"' } });
    await eventually(async () => {
      const answer = await run({ task: "pid" }).answer;
      return answer !== "givenBack" && answer.outcome === "succeeded" && answer.output !== before.output;
    });
  });

  test("one that closes the protocol's descriptor ends at its limit at the latest", async () => {
    const { run } = make();
    const result = await endOf(run({ task: "closesProtocol", timeoutMs: 500 }));
    expect(["crashed", "timed_out"]).toContain(result.outcome);
  });

  test("a grandchild that holds the output open delays the end by no more than a moment", async () => {
    const { run } = make({ limits: { drainMs: 300 } });
    const began = performance.now();
    expect(await run({ task: "grandchildHoldsOutput" }).answer).toMatchObject({ outcome: "crashed", exitCode: 5 });
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  test("floods of 100 MB are read in flat memory, and the attempt succeeds", async () => {
    for (const task of ["floods", "floodsRaw"]) {
      let written = 0;
      const { run, logs } = make();
      logs.open = () => ({
        write: (_stream, text) => void (written += text.length),
        end: () => undefined,
      });
      const before = process.memoryUsage.rss();
      expect(await run({ task }).answer).toMatchObject({ outcome: "succeeded", output: { json: '"flooded"' } });
      expect(written).toBe(100_000_000);
      expect(process.memoryUsage.rss() - before).toBeLessThan(150_000_000);
      await rig?.close();
    }
  });

  test("what prints or throws after its end is reported with its ids and replaces the process", async () => {
    for (const task of ["printsLate", "throwsLate"]) {
      const { run, logs, logged } = make({ concurrency: 1 });
      const { output } = await endOf(run({ task: "pid" }));
      const attempt = run({ task });
      expect(await attempt.answer).toMatchObject({ outcome: "succeeded", output: { json: '"ended"' } });
      // In the same process, unless the host was so slow that it has been replaced by now.
      const other = run({ task: "waits", params: '{"ms":150}' });
      await endOf(other);
      const report = await eventually(() => logged.find(({ fields }) => fields.event === "attempt.survived") ?? false);
      expect(report.fields).toMatchObject({ runId: attempt.spec.runId, task, attempt: 1 });
      expect(report.message).toMatch(/late (words|error)/);
      expect(logs.text(other.spec.runId, "waits")).not.toContain("late");
      await eventually(() => rig!.host.room("misbehave", "shared") === 1);
      expect((await endOf(run({ task: "pid" }))).output).not.toEqual(output);
      await rig?.close();
    }
  });

  test("what an attempt changes in its process is gone for the next one", async () => {
    const { run } = make({ concurrency: 1 });
    const first = await endOf(run({ task: "changesProcess" }));
    const second = await endOf(run({ task: "changesProcess" }));
    const seen = (result: typeof first) =>
      JSON.parse(result.output?.kind === "inline" ? result.output.json : "") as Record<string, unknown>;
    expect(seen(first)).toMatchObject({ changed: null, exitCode: null, listeners: 1, umask: 0o022 });
    expect(seen(second)).toEqual({ ...seen(first), cwd: expect.any(String) });
  });

  test("bytes that look like a marker of ours are the task's own words", async () => {
    const { run, logs } = make();
    const attempt = run({ task: "marker" });
    await attempt.answer;
    expect(logs.text(attempt.spec.runId, "marker")).toContain("\0cascade nobody:1 7\n\0casc");
  });

  test("a bundle that throws when it is imported fails each attempt with its error, in a process of its own", async () => {
    const { run, logs } = make({ concurrency: 1 });
    for (let count = 0; count < 2; count++) {
      const attempt = run({ package: { name: "p", version: "1.0.0", digest: "import-throws" }, workflow: "p/w" });
      expect(await attempt.answer).toMatchObject({
        outcome: "failed",
        failure: { code: "TASK_FAILED", message: "RangeError: not at this time" },
      });
      expect(logs.text(attempt.spec.runId, "ok")).toContain("importing\n");
      await eventually(() => rig!.host.room("import-throws", "shared") === 1);
    }
  });

  test("a program that cannot be started, or that ends at once, fails the attempt with HOST_START_FAILED", async () => {
    for (const nodePath of ["/nowhere/node", "/bin/false"]) {
      const { run } = make({ nodePath });
      const attempt = run();
      expect(await attempt.answer).toMatchObject({ outcome: "crashed", failure: { code: "HOST_START_FAILED" } });
      expect(attempt.calls).toEqual(["ended"]);
      await rig?.close();
    }
  });
});

describe("work folders", () => {
  const folders = (root: string) => (existsSync(root) ? readdirSync(root, { recursive: true }).map(String) : []);

  test("each attempt finds an empty private folder, whatever the one before has left", async () => {
    const { run, workRoot } = make({ concurrency: 1 });
    for (let count = 0; count < 3; count++) {
      const { output } = await endOf(run({ task: "writesFile" }));
      expect(JSON.parse(output?.kind === "inline" ? output.json : "")).toMatchObject({ before: [], mode: 0o700 });
    }
    await eventually(() => !folders(workRoot).some((name) => name.endsWith("left-over")));
    await rig?.close();
  });

  test("the folder of a failed attempt stays, those of others go with their process", async () => {
    const { run, host, workRoot } = make({ concurrency: 1 });
    await run({ task: "writesFile", params: '{"fail":true}' }).answer;
    await run({ task: "writesFile" }).answer;
    await run({ task: "killed" }).answer;
    await host.stop(100);
    const left = folders(workRoot);
    const kept = left.filter((name) => name.endsWith("left-over"));
    expect(kept).toHaveLength(1);
    expect(left.filter((name) => !kept[0]!.startsWith(name))).toEqual([]);
    expect(readFileSync(join(workRoot, kept[0]!), "utf8")).toBe("x");
  });
});
