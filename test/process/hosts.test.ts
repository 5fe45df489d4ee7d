import { processLimits } from "../../src/adapters/process/limits.ts";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { AttemptResult } from "../../src/ports/task-host.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { type AttemptHandle, endOf } from "../support/attempts.ts";
import { eventually } from "../support/eventually.ts";
import { createProcessHostRig, type ProcessHostRig, type RigOptions } from "../support/process-host-rig.ts";

let rig: ProcessHostRig | undefined;
const make = (options?: RigOptions) => (rig = createProcessHostRig(options));
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

const SECOND = {
  package: { name: "second", version: "1.0.0", digest: "second" },
  workflow: "second/second",
  task: "pid",
};

function output(result: AttemptResult): unknown {
  if (result.output?.kind !== "inline") throw new Error(`no inline output: ${JSON.stringify(result)}`);
  return JSON.parse(result.output.json) as unknown;
}
async function outputOf(attempt: AttemptHandle): Promise<unknown> {
  return output(await endOf(attempt));
}

describe("what a task is given", () => {
  test("the context has the run's facts, and params and upstream by value", async () => {
    const { run } = make();
    const attempt = run({
      task: "context",
      number: 3,
      params: '{\n"a": [1, "\\n", {"__proto__": 2}]}',
      upstream: { one: { kind: "inline", json: '{"x":\n1}' }, two: { kind: "inline", json: "null" } },
    });
    expect(await outputOf(attempt)).toEqual({
      params: JSON.parse('{"a": [1, "\\n", {"__proto__": 2}]}'),
      upstream: { one: { x: 1 }, two: null },
      attempt: 3,
      runId: attempt.spec.runId,
      plannedAt: "2023-11-14T22:13:20.000Z",
      idempotencyKey: attempt.spec.idempotencyKey,
      workflow: "pack/misbehave",
      task: "context",
      aborted: false,
    });
  });

  test("a large upstream output is read from its file", async () => {
    const { run, workRoot } = make();
    mkdirSync(join(workRoot, ".."), { recursive: true });
    writeFileSync(join(workRoot, "..", "digest-of-it"), '{"from":"a file"}');
    const upstream = { big: { kind: "artifact", digest: "digest-of-it", size: 17 } } as const;
    expect(await outputOf(run({ task: "context", upstream }))).toMatchObject({ upstream: { big: { from: "a file" } } });
    const gone = { big: { kind: "artifact", digest: "not-there", size: 17 } } as const;
    expect(await run({ task: "context", upstream: gone }).answer).toMatchObject({ outcome: "failed" });
  });

  test("the author's schema parses the params, and its refusal names every place", async () => {
    const { run } = make();
    const strict = { workflow: "pack/strict", task: "count" };
    expect(await outputOf(run({ ...strict, params: '{"count":21}' }))).toBe(42);
    expect(await run({ ...strict, params: "{}" }).answer).toMatchObject({
      outcome: "failed",
      failure: {
        code: "TASK_PARAMS_REFUSED",
        message: "the params were refused: count: must be a number; no good",
      },
    });
  });

  test("the environment is the common names, the declared ones and CASCADE_*, and nothing else of the daemon's", async () => {
    const { run } = make({ environment: { SECRET: "s", DECLARED: "d", TZ: "Asia/Tokyo", NODE_OPTIONS: "--bad" } });
    const attempt = run({ task: "environment", env: ["DECLARED"] });
    const { env, cwd, workDir, assets } = (await outputOf(attempt)) as Record<string, string> & {
      env: Record<string, string>;
    };
    expect(Object.keys(env).sort()).toEqual(
      [
        ...["CASCADE_ASSETS", "CASCADE_ATTEMPT", "CASCADE_HOST", "CASCADE_IDEMPOTENCY_KEY", "CASCADE_PLANNED_AT"],
        ...["CASCADE_RUN_ID", "CASCADE_TASK", "DECLARED", "HOME", "LANG", "PATH", "TMPDIR", "TZ", "USER"],
      ].sort(),
    );
    expect(env).toMatchObject({ DECLARED: "d", TZ: "Asia/Tokyo", HOME: workDir, TMPDIR: workDir });
    expect(cwd).toBe(workDir);
    expect(env["CASCADE_ASSETS"]).toBe(assets);
    const ofChild = await outputOf(run({ task: "environmentOfChild", env: ["DECLARED"] }));
    expect(ofChild).toContain("CASCADE_TASK=environmentOfChild\n");
    expect(ofChild).not.toContain("SECRET");
  });

  test("a declared name that is not set fails the attempt before anything starts", async () => {
    const { run } = make({ environment: { HERE: "1" } });
    const attempt = run({ env: ["HERE", "ABSENT", "MISSING"] });
    expect(await attempt.answer).toMatchObject({
      outcome: "failed",
      failure: { code: "ENV_MISSING", message: "the daemon's environment lacks ABSENT, MISSING" },
    });
    expect(attempt.calls).toEqual(["ended"]);
  });
});

describe("what a task returns", () => {
  const of = (kind: string, size?: number) => ({ task: "outputs", params: JSON.stringify({ kind, size }) });

  test("a value without a JSON form fails with its place", async () => {
    const { run } = make();
    for (const [kind, place] of [
      ["date", "at /when/1, a Date"],
      ["map", "at the top, a Map"],
      ["function", "at /a~1b, a function"],
      ["nan", "at /1, NaN"],
      ["bigint", "at the top, a bigint"],
      ["symbol", "at the top, a symbol"],
      ["circle", "holds itself"],
      ["getter", "from the getter"],
      ["surrogate", "surrogate"],
    ] as const) {
      const result = await endOf(run(of(kind)));
      expect(result).toMatchObject({ outcome: "failed", failure: { code: "TASK_OUTPUT_INVALID" } });
      expect(result.failure?.message).toContain(place);
    }
  });

  test("nothing is null, and optional members that are not there are left out", async () => {
    const { run } = make();
    expect(await outputOf(run({ task: "nothing" }))).toBeNull();
    expect(await outputOf(run(of("optional")))).toEqual({ here: 1, list: [null] });
  });

  test("an output above 64 KiB is an artifact of exactly its JSON text, and its file is gone", async () => {
    const { run, artifacts } = make();
    const json = JSON.stringify("a".repeat(3_000_000));
    expect(await endOf(run(of("large", 65_534)))).toMatchObject({ output: { kind: "inline" } });
    expect((await endOf(run(of("large", 65_535)))).output).toMatchObject({ kind: "artifact", size: 65_537 });
    expect((await endOf(run(of("large", 3_000_000)))).output).toEqual({
      kind: "artifact",
      digest: sha256(json),
      size: json.length,
    });
    expect(artifacts.contents.get(sha256(json))?.toString()).toBe(json);
  });

  test("an output above the limit fails with TASK_OUTPUT_TOO_LARGE", async () => {
    const { run } = make({ limits: { outputMax: 100_000 } });
    expect(await run(of("large", 99_999)).answer).toMatchObject({ failure: { code: "TASK_OUTPUT_TOO_LARGE" } });
    expect(await run(of("large", 99_998)).answer).toMatchObject({ outcome: "succeeded" });
  });

  test("an artifact that cannot be stored fails the attempt with the reason", async () => {
    const { run, artifacts } = make();
    artifacts.put = () => Promise.reject(new Error("ENOSPC: no space left on device"));
    const result = await endOf(run(of("large", 100_000)));
    expect(result).toMatchObject({ outcome: "failed", failure: { code: "IO_FAILED" } });
    expect(result.failure?.message).toContain("ENOSPC");
  });
});

describe("logs of attempts", () => {
  test("ctx.log is readable, console is as printed, and the last line says how it ended", async () => {
    const { run, logs } = make();
    const { spec, answer } = run({ task: "logs" });
    await answer;
    const lines = logs.text(spec.runId, "logs").split("\n");
    expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info  hello \{"a":1\}$/);
    expect(lines[1]).toMatch(/Z error broken \{"error":"Error: inner\\n/);
    expect(lines.slice(3, 5)).toEqual(["to stdout 42", "to stderr"]);
    expect(lines.at(-2)).toMatch(/^-- succeeded after \d+ms$/);
    expect(logs.openCount()).toBe(0);
  });

  test("of 5,000 alternating attempts in one process, no line is in another attempt's log", async () => {
    const { run, logs, host } = make({ concurrency: 1, limits: { attemptsPerHost: 100_000 } });
    const pending: { handle: AttemptHandle; word: string }[] = [];
    const check = async () => {
      const { handle, word } = pending.shift()!;
      const answer = await handle.answer;
      if (answer === "givenBack") return void pending.push({ handle: run(handle.spec), word });
      expect(answer.outcome).toBe("succeeded");
      const lines = logs.text(handle.spec.runId, "interleaved").split("\n");
      expect(lines).toHaveLength(7);
      for (const kind of ["console", "raw", "stream", "raw error"]) expect(lines).toContain(`${word} ${kind}`);
      expect(lines.filter((line) => line.includes(word))).toHaveLength(5);
    };
    for (let count = 0; count < 5_000; count++) {
      while (host.room("misbehave", "shared") === 0) await check();
      const word = `word-${count}-${count % 2 === 0 ? "even" : "odd"}`;
      pending.push({ word, handle: run({ task: "interleaved", params: JSON.stringify({ word }) }) });
    }
    while (pending.length > 0) await check();
  });
});

describe("processes", () => {
  test("one process serves one package and is kept; the package used least recently yields its place", async () => {
    const { run } = make({ concurrency: 1 });
    const first = await outputOf(run({ task: "pid" }));
    expect(await outputOf(run({ task: "pid" }))).toBe(first);
    const second = await outputOf(run(SECOND));
    expect(second).not.toBe(first);
    expect(await outputOf(run({ task: "pid" }))).not.toBe(first);
  });

  test("a fresh attempt has a process of its own, which ends after it", async () => {
    const { run } = make();
    const warm = await outputOf(run({ task: "pid" }));
    const pids = [warm];
    for (let count = 0; count < 2; count++) pids.push(await outputOf(run({ task: "pid", isolation: "fresh" })));
    expect(new Set(pids).size).toBe(3);
    await eventually(() => !isAlive(pids[1]) && !isAlive(pids[2]));
    expect(await outputOf(run({ task: "pid" }))).toBe(warm);
  });

  test("a process is replaced after its number of attempts, once it is old enough", async () => {
    const { run, host } = make({ concurrency: 1, limits: { attemptsPerHost: 3, replaceAfterMs: 0 } });
    const pids: unknown[] = [];
    for (let count = 0; count < 6; count++) {
      await eventually(() => host.room("misbehave", "shared") > 0);
      pids.push(await outputOf(run({ task: "pid" })));
    }
    expect(new Set(pids.slice(0, 3)).size).toBe(1);
    expect(new Set(pids.slice(3)).size).toBe(1);
    expect(pids[0]).not.toBe(pids[3]);
  });

  test("a process that has grown too large is replaced", async () => {
    const { run, host } = make({ concurrency: 1, limits: { rssMax: 1 } });
    const slow = { task: "waits", params: '{"ms":120}' };
    const first = await outputOf(run(slow));
    await eventually(() => host.room("misbehave", "shared") > 0 && !isAlive(first));
    expect(await outputOf(run(slow))).not.toBe(first);
  });

  test("processes that are idle end, except for one", async () => {
    const { run } = make({ concurrency: 3, limits: { idleMs: 200 } });
    const slow = { task: "waits", params: '{"ms":100}' };
    const pids = await Promise.all([run(slow), run(slow), run(slow)].map(outputOf));
    expect(new Set(pids).size).toBe(3);
    await eventually(() => pids.filter(isAlive).length === 1);
    expect(await outputOf(run({ task: "pid" }))).toBe(pids.find(isAlive));
  });

  test("attempts are sent to wait behind short ones, and one at a time runs", async () => {
    const { run, host } = make({ concurrency: 1 });
    await outputOf(run({ task: "waits", params: '{"ms":1}' }));
    for (let count = 0; count < 5; count++) await outputOf(run({ task: "pid" }));
    expect(host.room("misbehave", "shared")).toBe(1);
    const attempts: AttemptHandle[] = [];
    while (host.room("misbehave", "shared") > 0) attempts.push(run({ task: "pid" }));
    expect(attempts.length).toBeGreaterThan(2);
    expect(attempts.length).toBeLessThanOrEqual(processLimits.held);
    for (const attempt of attempts) expect(await attempt.answer).toMatchObject({ outcome: "succeeded" });
  });

  test("attempts behind one that takes long, blocked or not, come back unharmed and never begin", async () => {
    for (const task of ["neverEnds", "blocks"]) {
      const { run, host } = make({ concurrency: 1 });
      for (let count = 0; count < 8; count++) await outputOf(run({ task: "pid" }));
      const long = run({ task, timeoutMs: 2_000 });
      const behind = [run({ task: "pid" }), run({ task: "pid" })];
      for (const attempt of behind) {
        expect(await attempt.answer).toBe("givenBack");
        expect(attempt.calls).toEqual(["givenBack"]);
      }
      expect(long.calls).toEqual(["started"]);
      expect(host.running()).toBe(1);
      expect(await long.answer).toMatchObject({ outcome: "timed_out" });
      expect(behind.every((attempt) => attempt.calls.length === 1)).toBe(true);
      await rig?.close();
    }
  });

  test("attempts behind one whose process dies come back unharmed", async () => {
    const { run } = make({ concurrency: 1 });
    for (let count = 0; count < 8; count++) await outputOf(run({ task: "pid" }));
    const dying = run({ task: "killed" });
    const behind = [run({ task: "pid" }), run({ task: "pid" })];
    expect(await dying.answer).toMatchObject({ outcome: "crashed" });
    for (const attempt of behind) expect(await attempt.answer).toBe("givenBack");
  });

  test("a cancelled attempt that has not begun is given back, whatever runs before it", async () => {
    const { run, host } = make({ concurrency: 1, limits: { patienceMs: 10_000 } });
    for (let count = 0; count < 8; count++) await outputOf(run({ task: "pid" }));
    const long = run({ task: "blocks" });
    const behind = run({ task: "pid" });
    await long.started;
    host.cancel(behind.spec.attemptId);
    expect(await behind.answer).toBe("givenBack");
    host.cancel(long.spec.attemptId);
    expect(await long.answer).toMatchObject({ outcome: "cancelled" });
  });

  test("stop ends every process, also those that do not listen, and the blank one", async () => {
    const { run, host } = make({ concurrency: 3 });
    host.warm();
    const attempts = [run({ task: "pid" }), run({ task: "blocks" }), run({ task: "neverEnds" })];
    const pid = await outputOf(attempts[0]!);
    await Promise.all(attempts.map((attempt) => attempt.started));
    const began = performance.now();
    await host.stop(100);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(isAlive(pid)).toBe(false);
    expect(attempts.slice(1).map((attempt) => attempt.calls)).toEqual([["started"], ["started"]]);
  });
});

function isAlive(pid: unknown): boolean {
  try {
    process.kill(pid as number, 0);
    return true;
  } catch {
    return false;
  }
}
