import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import type { RunView } from "../../src/app/views.ts";
import { builtProgram } from "../support/built-program.ts";
import { type DaemonProcess, dataFolder, startDaemon } from "../support/daemon-process.ts";
import { eventually } from "../support/eventually.ts";
import { tempFolder } from "../support/temp-folder.ts";

const examples = resolve(import.meta.dirname, "../../packages-example");
const names = readdirSync(examples, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? entry.name : [],
);

interface Living {
  daemon: DaemonProcess;
  data: string;
}

/** A daemon into whose folder an example was dropped while it served. */
async function livingExample(name: string): Promise<Living> {
  const data = dataFolder();
  const daemon = await startDaemon({ data });
  const packed = cascade("pack", join(examples, name), "-o", tempFolder(), "--json");
  expect(packed.code, packed.stderr).toBe(0);
  const { path, digest } = JSON.parse(packed.stdout);
  renameSync(path, join(data, "packages", `${name}.cascade`));
  await eventually(async () => {
    const [row] = await daemon.client.packages();
    expect(row).toMatchObject({ name, digest, state: "loaded", active: true, error: null });
  });
  return { daemon, data };
}

function cascade(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [builtProgram(), ...args], { encoding: "utf8" });
  return { code: status, stdout, stderr };
}

/** The line of the README, with `--json`: the run as it ended, and how the command ended. */
function runAndWait({ data }: Living, workflow: string, ...params: string[]): { run: RunView; code: number | null } {
  const given = params.flatMap((param) => ["-p", param]);
  const { code, stdout, stderr } = cascade("run", "start", workflow, ...given, "--wait", "--json", "--data", data);
  if (stdout === "") throw new Error(stderr);
  return { run: JSON.parse(stdout) as RunView, code };
}

function taskOf(run: RunView, id: string) {
  const task = run.tasks.find((candidate) => candidate.id === id);
  if (!task) throw new Error(`no task ${id} in ${run.workflow}`);
  return task;
}

/** The proof file arrives shortly after the end, and says what the run says. */
async function expectProof({ data }: Living, { id, workflow }: RunView): Promise<void> {
  const verified = await eventually(() => {
    const { code, stdout, stderr } = cascade("verify", id, "--json", "--data", data);
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout);
  });
  expect(verified).toMatchObject({ result: "valid", run: id, keyId: expect.any(String) });
  const shown = JSON.parse(cascade("proof", "show", id, "--json", "--data", data).stdout);
  expect(shown).toMatchObject({ runId: id, workflow });
}

test("every example is run by a test", () => {
  expect(names.sort()).toEqual(["daily-etl", "flaky-retry", "hello", "nightly-backup"]);
});

describe("hello", () => {
  test("greets by hand with the name it is given, and by its schedule on each tenth second", async () => {
    const living = await livingExample("hello");
    const { run, code } = runAndWait(living, "hello", "name=Ada");
    expect(code).toBe(0);
    expect(taskOf(run, "greet").output).toEqual({ text: "Hello, Ada!", plannedAt: run.plannedAt });
    expect(cascade("logs", run.id, "--data", living.data).stdout).toContain("Hello, Ada!");

    const { client } = living.daemon;
    const fired = await eventually(
      async () => {
        const { items } = await client.runs({ state: ["succeeded"], limit: 10, cursor: null });
        const own = items.find(({ trigger }) => (trigger as { kind: string }).kind === "schedule");
        return own ? client.run(own.id) : false;
      },
      { timeoutMs: 25_000, everyMs: 100 },
    );
    expect(Date.parse(fired.plannedAt) % 10_000).toBe(0);
    expect(taskOf(fired, "greet").output).toEqual({ text: "Hello, world!", plannedAt: fired.plannedAt });
    const [firing] = await client.firings((await client.schedules())[0]!.id, 1);
    expect(firing).toMatchObject({ decision: "started", late: false });
    await expectProof(living, run);
    await expectProof(living, fired);
    await living.daemon.stop();
  });
});

describe("daily-etl", () => {
  test("extracts side by side, joins, loads and notifies", async () => {
    const living = await livingExample("daily-etl");
    const { run, code } = runAndWait(living, "daily-etl", "date=2026-01-31");
    expect(code).toBe(0);
    const orders = taskOf(run, "extract-orders").output as { id: number; currency: string; amount: number }[];
    expect(taskOf(run, "extract-rates").output).toEqual({ EUR: 1, USD: 0.92, GBP: 1.17 });
    const rows = taskOf(run, "transform").output as { id: number; euro: number }[];
    expect(rows.map(({ id }) => id)).toEqual(orders.map(({ id }) => id));
    const total = Math.round(rows.reduce((sum, { euro }) => sum + euro, 0) * 100) / 100;
    expect(taskOf(run, "load").output).toEqual({ rows: orders.length, total });
    expect(taskOf(run, "notify").output).toBeNull();
    expect(cascade("logs", run.id, "notify", "--data", living.data).stdout).toContain(
      `${orders.length} orders, ${total} EUR`,
    );

    const began = (id: string) => taskOf(run, id).attempts[0]!.startedAt;
    const ended = (id: string) => taskOf(run, id).attempts[0]!.endedAt!;
    expect(began("transform") >= ended("extract-orders") && began("transform") >= ended("extract-rates")).toBe(true);
    await expectProof(living, run);
    await living.daemon.stop();
  });

  test("fires next at two in the morning in Berlin", async () => {
    const { daemon } = await livingExample("daily-etl");
    const [schedule] = await daemon.client.schedules();
    const local = new Date(schedule!.nextAt!).toLocaleTimeString("en-GB", { timeZone: "Europe/Berlin" });
    expect(local).toBe("02:00:00");
    await daemon.stop();
  });
});

describe("nightly-backup", () => {
  test("archives the source into the target and records its checksum", async () => {
    const living = await livingExample("nightly-backup");
    const [source, target] = [tempFolder(), join(tempFolder(), "backups")];
    mkdirSync(join(source, "etc"));
    writeFileSync(join(source, "etc", "it's; a $(file).conf"), "kept");
    const { run, code } = runAndWait(living, "nightly-backup", `source=${source}`, `target=${target}`);
    expect(code).toBe(0);

    const file = join(target, `backup-${run.plannedAt.slice(0, 10)}.tar.gz`);
    const bytes = readFileSync(file);
    const sum = createHash("sha256").update(bytes).digest("hex");
    expect(taskOf(run, "archive").output).toEqual({ size: bytes.length, sha256: sum });
    expect(execFileSync("tar", ["-tzf", file], { encoding: "utf8" })).toContain("etc/it's; a $(file).conf");
    expect(cascade("logs", run.id, "check", "--data", living.data).stdout).toContain("is recorded");
    await expectProof(living, run);
    await living.daemon.stop();
  });

  test("archives an empty folder at the first attempt without params", async () => {
    const living = await livingExample("nightly-backup");
    const { run, code } = runAndWait(living, "nightly-backup");
    expect(code).toBe(0);
    expect(taskOf(run, "archive")).toMatchObject({
      attempts: [{ outcome: "succeeded" }],
      output: { size: expect.any(Number) },
    });
    await living.daemon.stop();
  });
});

describe("flaky-retry", () => {
  test("fails twice, waits longer each time, and succeeds", async () => {
    const living = await livingExample("flaky-retry");
    const { run, code } = runAndWait(living, "flaky-retry");
    expect(code).toBe(0);
    const { attempts } = taskOf(run, "call");
    expect(attempts.map(({ outcome }) => outcome)).toEqual(["failed", "failed", "succeeded"]);
    expect(attempts[0]!.error!.message).toContain("the service is down (attempt 1)");
    expect(taskOf(run, "report").output).toBe("it took 3 attempts");
    const waits = [1, 2].map((at) => Date.parse(attempts[at]!.startedAt) - Date.parse(attempts[at - 1]!.endedAt!));
    // 200 ms and 400 ms, of which jitter takes a fifth at most.
    expect(waits[0]).toBeGreaterThanOrEqual(160);
    expect(waits[1]).toBeGreaterThanOrEqual(320);
    await expectProof(living, run);
    await living.daemon.stop();
  });

  test("ends as failed when the failures outnumber the attempts", async () => {
    const living = await livingExample("flaky-retry");
    const { run, code } = runAndWait(living, "flaky-retry", "failures=9");
    expect({ code, state: run.state }).toEqual({ code: 1, state: "failed" });
    expect(taskOf(run, "call").attempts).toHaveLength(4);
    expect(taskOf(run, "report")).toMatchObject({ state: "skipped", attempts: [] });
    await expectProof(living, run);
    await living.daemon.stop();
  });
});
