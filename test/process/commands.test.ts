import { existsSync, readdirSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { sha256 } from "../../src/kernel/digest.ts";
import type { AttemptSpec } from "../../src/ports/task-host.ts";
import { endOf } from "../support/attempts.ts";
import { eventually } from "../support/eventually.ts";
import { createProcessHostRig, type ProcessHostRig, type RigOptions } from "../support/process-host-rig.ts";

let rig: ProcessHostRig | undefined;
const make = (options?: RigOptions) => (rig = createProcessHostRig(options));
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

function shell(run: string, change: Partial<AttemptSpec> = {}): Partial<AttemptSpec> {
  return { task: "command", command: { run, env: {} }, ...change };
}

test("the exit code decides, and the message shows the last words on stderr", async () => {
  const { run, logs } = make();
  const good = run(shell("echo one; echo two >&2"));
  expect(await good.answer).toEqual({
    outcome: "succeeded",
    output: { kind: "inline", json: "null" },
    failure: null,
    exitCode: 0,
    readings: null,
  });
  expect(good.calls).toEqual(["started", "ended"]);
  expect(logs.text(good.spec.runId, "command").split("\n").slice(0, 2).sort()).toEqual(["one", "two"]);
  const bad = run(shell("echo no such table >&2; false; echo never"));
  expect(await bad.answer).toMatchObject({
    outcome: "failed",
    failure: { code: "TASK_FAILED", message: "the command exited with code 1: no such table" },
    exitCode: 1,
  });
  expect(logs.text(bad.spec.runId, "command")).toMatch(/-- failed after \d+ms with exit code 1: TASK_FAILED .*\n$/);
  expect(logs.text(bad.spec.runId, "command")).not.toContain("never");
});

test("the output is the file if written, else the last line if it is a JSON object or array, else null", async () => {
  const { run } = make();
  for (const [command, json] of [
    ['printf \'{"b": 1,\n "a": 2}\' > "$CASCADE_OUTPUT"; echo \'{"not": "this"}\'', '{"b": 1,  "a": 2}'],
    ['printf 5 > "$CASCADE_OUTPUT"', "5"],
    ["echo text; echo '[1, 2]'; echo; echo ' '", "[1, 2]"],
    ["printf '{\"open\": true}'", '{"open": true}'],
    ["echo '{\"early\": 1}'; echo done", "null"],
    ["echo 5", "null"],
    ["echo '{broken'", "null"],
    ["true", "null"],
  ] as const) {
    expect([command, (await endOf(run(shell(command)))).output]).toEqual([command, { kind: "inline", json }]);
  }
});

test("an output file without one JSON value, or too large, fails the attempt", async () => {
  const { run } = make({ limits: { outputMax: 1_000 } });
  for (const [command, code] of [
    ['echo "{" > "$CASCADE_OUTPUT"', "TASK_OUTPUT_INVALID"],
    [': > "$CASCADE_OUTPUT"', "TASK_OUTPUT_INVALID"],
    [`printf '{"id":7615917337495251231}' > "$CASCADE_OUTPUT"`, "TASK_OUTPUT_INVALID"],
    [`printf 1e400 > "$CASCADE_OUTPUT"`, "TASK_OUTPUT_INVALID"],
    [`printf '{"a":1,"a":2}' > "$CASCADE_OUTPUT"`, "TASK_OUTPUT_INVALID"],
    [`printf '"\\351"' > "$CASCADE_OUTPUT"`, "TASK_OUTPUT_INVALID"],
    [`echo '{"id":7615917337495251231}'`, "TASK_OUTPUT_INVALID"],
    ['ln -s "$CASCADE_OUTPUT" "$CASCADE_OUTPUT"', "TASK_OUTPUT_INVALID"],
    ['head -c 1001 /dev/zero > "$CASCADE_OUTPUT"', "TASK_OUTPUT_TOO_LARGE"],
  ] as const) {
    expect(await run(shell(command)).answer).toMatchObject({ outcome: "failed", failure: { code } });
  }
});

test("an output that is no regular file fails the attempt at once, and is neither followed nor waited for", async () => {
  const { run, host } = make();
  const attempts = [
    ['mkfifo "$CASCADE_OUTPUT"', "$CASCADE_OUTPUT is a named pipe, not a file"],
    ['ln -s /dev/zero "$CASCADE_OUTPUT"', "$CASCADE_OUTPUT is a symbolic link, not a file"],
    ['echo 1 > real; ln -s "$PWD/real" "$CASCADE_OUTPUT"', "$CASCADE_OUTPUT is a symbolic link, not a file"],
    ['mkdir "$CASCADE_OUTPUT"', "$CASCADE_OUTPUT is a folder, not a file"],
  ] as const;
  for (const [command, message] of attempts) {
    expect(await run(shell(command)).answer).toMatchObject({
      outcome: "failed",
      failure: { code: "TASK_OUTPUT_INVALID", message },
    });
  }
  const socket = `node -e 'require("net").createServer().listen(process.env.CASCADE_OUTPUT, () => process.kill(process.pid, 9))' || true`;
  expect((await endOf(run(shell(socket)))).failure?.message).toMatch(/is a socket or a device, not a file$/);
  await eventually(() => host.running() === 0);
});

test("a large output is an artifact", async () => {
  const { run, artifacts } = make();
  const { output } = await endOf(
    run(shell('{ printf \'"\'; head -c 100000 /dev/zero | tr "\\0" a; printf \'"\'; } > "$CASCADE_OUTPUT"')),
  );
  const json = JSON.stringify("a".repeat(100_000));
  expect(output).toEqual({ kind: "artifact", digest: sha256(json), size: json.length });
  expect(artifacts.contents.get(sha256(json))?.toString()).toBe(json);
});

test("it finds params and upstream in the input file, scalar params in the environment, and is pasted nothing", async () => {
  const { run, artifacts } = make({ environment: { DECLARED: "d", SECRET: "s" } });
  const { digest, size } = await artifacts.put(Buffer.from('{"large":true}'));
  const params = { date: "2024-01-01; touch /tmp/pasted", "full-load": true, count: 3, list: [1], nothing: null };
  const script =
    'env > "$HOME/env"; exec node -e \'const fs = require("fs"); console.log(JSON.stringify({env: fs.readFileSync("env", "utf8").split("\\n"), cwd: process.cwd(), input: JSON.parse(fs.readFileSync(process.env.CASCADE_INPUT))}))\'';
  const attempt = run({
    task: "command",
    command: { run: script, env: { LITERAL: "$HOME `x`", HOME: "/nope" } },
    env: ["DECLARED"],
    params: JSON.stringify(params),
    upstream: { one: { kind: "inline", json: "[1]" }, two: { kind: "artifact", digest, size } },
  });
  const result = await endOf(attempt);
  const seen = JSON.parse(result.output?.kind === "inline" ? result.output.json : "") as {
    env: string[];
    cwd: string;
    input: unknown;
  };
  expect(seen.input).toEqual({ params, upstream: { one: [1], two: { large: true } } });
  for (const entry of [
    "CASCADE_PARAM_DATE=2024-01-01; touch /tmp/pasted",
    "CASCADE_PARAM_FULL_LOAD=true",
    "CASCADE_PARAM_COUNT=3",
    "LITERAL=$HOME `x`",
    "DECLARED=d",
    `HOME=${seen.cwd}`,
    `TMPDIR=${seen.cwd}`,
    "CASCADE_ATTEMPT=1",
    "CASCADE_TASK=command",
    `CASCADE_RUN_ID=${attempt.spec.runId}`,
    "CASCADE_PLANNED_AT=2023-11-14T22:13:20.000Z",
  ]) {
    expect(seen.env).toContain(entry);
  }
  expect(seen.env.join("\n")).not.toMatch(/SECRET|PARAM_LIST|PARAM_NOTHING/);
  expect(existsSync("/tmp/pasted")).toBe(false);
});

test("a command may write to /dev/stdout and /dev/stderr", async () => {
  const { run, logs } = make();
  const attempt = run(shell("echo out > /dev/stdout; echo err | tee /dev/stderr > /dev/null"));
  expect(await attempt.answer).toMatchObject({ outcome: "succeeded" });
  expect(logs.text(attempt.spec.runId, "command").split("\n").slice(0, 2).sort()).toEqual(["err", "out"]);
});

test("time limit and cancel send TERM to the group, then KILL", async () => {
  const { run, host, logs } = make();
  const polite = run(shell("trap 'echo cleaned up; exit 3' TERM; sleep 60 & wait", { timeoutMs: 100 }));
  expect(await polite.answer).toMatchObject({ outcome: "timed_out", exitCode: 3 });
  expect(logs.text(polite.spec.runId, "command")).toContain("cleaned up\n");
  const stubborn = run(shell("trap '' TERM; sleep 60 & wait; sleep 60"));
  await stubborn.started;
  host.cancel(stubborn.spec.attemptId);
  expect(await stubborn.answer).toMatchObject({ outcome: "cancelled", failure: { code: "TASK_CANCELLED" } });
});

test("a command killed by a signal has crashed", async () => {
  const { run } = make();
  expect(await run(shell("kill -KILL $$")).answer).toMatchObject({
    outcome: "crashed",
    failure: { code: "TASK_KILLED", message: "the process was killed by SIGKILL" },
  });
});

test("what it leaves in the background ends with it, and does not hold up its end", async () => {
  const { run, host } = make();
  const began = performance.now();
  expect(await run(shell("sleep 60 & echo '{\"pid\": '$!'}'")).answer).toMatchObject({ outcome: "succeeded" });
  expect(performance.now() - began).toBeLessThan(2_000);
  await eventually(() => host.room("misbehave", "fresh") === 2);
});

test("its work folder goes after a success, and stays after a failure that left something", async () => {
  const { run, workRoot } = make();
  await run(shell("echo x > file")).answer;
  await run(shell("false")).answer;
  await eventually(() => readdirSync(workRoot).length === 0);
  await run(shell("echo x > file; false")).answer;
  await eventually(() => readdirSync(workRoot, { recursive: true }).some((name) => String(name).endsWith("1/file")));
});

test("a command counts as a process", async () => {
  const { run, host } = make({ concurrency: 1 });
  const attempt = run(shell("sleep 0.2"));
  expect(host.room("misbehave", "shared")).toBe(0);
  await attempt.started;
  expect(host.running()).toBe(1);
  await attempt.answer;
  await eventually(() => host.room("misbehave", "shared") === 1 && host.running() === 0);
});

test("an upstream artifact that is gone fails the attempt", async () => {
  const { run } = make();
  const upstream = { one: { kind: "artifact", digest: "gone", size: 1 } } as const;
  expect((await endOf(run(shell("true", { upstream })))).failure?.message).toContain("gone");
});
