import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ReplayView, RunView } from "../../src/app/views.ts";
import { parseBundle } from "../../src/domain/bundle.ts";
import type { ReplayStatement } from "../../src/domain/replay-statement.ts";
import type { RunStatement } from "../../src/domain/statement.ts";
import { canonicalJson } from "../../src/kernel/canonical-json.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { builtProgram, packTo } from "../support/built-program.ts";
import type { DaemonProcess } from "../support/daemon-process.ts";
import { eventually } from "../support/eventually.ts";
import { lifeRoom } from "../support/life-room.ts";

const source = (sum: string) => `
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { workflow } from "cascaded";

export const pure = workflow("pure", { record: true })
  .task("numbers", { effects: "pure" }, ({ params }) => params.numbers)
  .task("sum", { after: ["numbers"], effects: "pure" }, ({ upstream }) => ({ of: upstream.numbers.length, sum: ${sum} }))
  .task("text", { after: ["sum"], effects: "pure" }, ({ upstream }) => "the sum is " + upstream.sum.sum);

export const world = workflow("world", { record: true })
  .task("read", async ({ fetch, params }) => ({
    at: new Date().toISOString(), id: randomUUID(), luck: Math.random(),
    answer: await (await fetch(params.url + "/asked")).text(),
  }))
  .task("large", () => Array.from({ length: 20000 }, () => Math.random()))
  .task("count", { after: ["large"] }, ({ upstream }) => upstream.large.length)
  .task("fail", { retry: { attempts: 2, delay: "1ms" } }, ({ attempt }) => { throw new Error("attempt " + attempt + " at " + Date.now()); })
  .task("never", { after: ["fail"] }, () => 1);

export const outer = workflow("outer", { record: true })
  .task("tell", { effects: "external" }, async ({ fetch, params }) => (await fetch(params.url + "/told")).status)
  .task("hidden", ({ params }) => readFileSync(params.file, "utf8"));

export const slow = workflow("slow", { record: true }).task("wait", async ({ params }) => {
  await new Promise((resolve) => setTimeout(resolve, params.ms));
  return 1;
});

export const plain = workflow("plain").task("one", async ({ fetch, exec, readFile, params, assets }) => [
  await (await fetch(params.url + "/plain")).text(),
  (await exec("echo", ["hello"])).stdout,
  await readFile(params.file, "utf8"),
]);
`;

const folder = mkdtempSync(join(tmpdir(), "cascade-replay-test-"));
const file = (name: string) => join(folder, name);
let server: Server;
let url = "";
const asked: string[] = [];

beforeAll(async () => {
  const pack = (name: string, version: string, sum: string) =>
    packTo(file(name), { name: "shop", version, source: source(sum) });
  const sum = "upstream.numbers.reduce((a, b) => a + b, 0)";
  await pack("one.cascade", "1.0.0", sum);
  await pack("two.cascade", "2.0.0", `${sum} + 1`);
  writeFileSync(file("note.txt"), "a note");
  server = createServer((request, response) => {
    asked.push(request.url!);
    response.end(`answer ${asked.length}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Ran {
  code: number;
  out: string;
  err: string;
}

function cascade(...argv: string[]): Promise<Ran> {
  const child = spawn(process.execPath, [builtProgram(), ...argv], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code: code ?? -1, out, err })));
}

async function rigged() {
  const room = lifeRoom([file("one.cascade")], 'scan_interval = "100ms"');
  const daemon = await room.start();
  const run = async (workflow: string, params: unknown = {}): Promise<RunView> => {
    const { id } = await daemon.client.startRun({ workflow, params: params as never });
    return room.end(daemon, id);
  };
  const replay = async (id: string, ...options: string[]) => {
    const ran = await cascade("replay", id, "--data", room.data, "--json", ...options);
    if (ran.out === "") throw new Error(ran.err);
    return { ...ran, view: JSON.parse(ran.out) as ReplayView };
  };
  return { room, daemon, run, replay, data: room.data };
}

const resultsOf = ({ tasks }: ReplayView) => Object.fromEntries(tasks.map(({ id, result }) => [id, result]));

async function proofOf(daemon: DaemonProcess, id: string): Promise<RunStatement> {
  return JSON.parse(parseBundle(await daemon.client.proofFile(id)).statement) as RunStatement;
}

describe("a replay", () => {
  it("of a pure pipeline is the same, and is signed, logged and verified like a run", async () => {
    const { daemon, run, replay, data } = await rigged();
    const { id } = await run("pure", { numbers: [1, 2, 3] });
    const { code, view, err } = await replay(id);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(view).toMatchObject({ result: "same", run: id, against: null, mask: [] });
    expect(resultsOf(view)).toEqual({ numbers: "same", sum: "same", text: "same" });
    const proof = await proofOf(daemon, id);
    for (const { id: task, outputDigest, attempts } of proof.predicate.tasks) {
      const judged = view.tasks.find((each) => each.id === task)!;
      expect(judged).toMatchObject({ expected: outputDigest, found: outputDigest, recording: attempts[0]!.recording });
    }

    const path = join(data, "proofs", view.statement!.file);
    await eventually(() => existsSync(path));
    const bundle = readFileSync(path, "utf8");
    const { statement } = parseBundle(bundle);
    expect(sha256(statement)).toBe(view.statement!.digest);
    const signed = JSON.parse(statement) as ReplayStatement;
    expect(canonicalJson(signed)).toBe(statement);
    expect(signed).toMatchObject({
      predicateType: "urn:cascade:attestation:replay:v1",
      subject: [{ name: `run/${id}`, digest: { sha256: view.proof } }],
      predicate: { of: { run: id, workflow: "shop/pure" }, result: "same", against: null },
    });
    const verified = await cascade("verify", path, "--data", data);
    expect(verified).toMatchObject({ code: 0, out: expect.stringContaining("urn:cascade:attestation:replay:v1") });
    expect((await cascade("verify", join(data, "proofs"), "--data", data)).code).toBe(0);
    expect((await cascade("tlog", "fsck", "--data", data)).code).toBe(0);
  });

  it("serves clock, randomness, ids, answers and large inputs, and repeats the attempt that decided a failure", async () => {
    const { run, replay } = await rigged();
    asked.length = 0;
    const { id, tasks } = await run("world", { url });
    expect(tasks.find((task) => task.id === "fail")!.attempts).toHaveLength(2);
    const { code, view } = await replay(id);
    expect(resultsOf(view)).toEqual({ read: "same", large: "same", count: "same", fail: "same", never: "skipped" });
    expect(view.tasks.find((task) => task.id === "fail")).toMatchObject({ attempt: 2 });
    expect(code).toBe(0);
    expect(asked).toEqual(["/asked"]);
  });

  it("against other code tells the task that would have given another output, and no task behind it", async () => {
    const { room, run, replay, data, daemon } = await rigged();
    const { id } = await run("pure", { numbers: [1, 2] });
    const ofFile = await replay(id, "--against", "two.cascade");
    expect(ofFile.code).toBe(1);
    expect(resultsOf(ofFile.view)).toEqual({ numbers: "same", sum: "different", text: "same" });
    expect(ofFile.view).toMatchObject({ result: "different", statement: null, against: { version: "2.0.0" } });
    expect(ofFile.view.tasks[1]).toMatchObject({ pointer: "/sum" });
    expect(ofFile.err).toContain("Nothing is signed");

    copyFileSync(file("two.cascade"), join(data, "packages", "two.cascade"));
    await eventually(async () => (await daemon.client.workflows()).some(({ version }) => version === "2.0.0"));
    const ofKnown = await replay(id, "--against", "shop@2.0.0");
    expect(ofKnown.view).toMatchObject({
      result: "different",
      statement: { file: expect.stringMatching(/^attestations/) },
    });
    // Of other code it was asked: that says nothing of the run.
    const drifted = await cascade("drift", "shop/pure", "--data", data, "--json");
    expect(JSON.parse(drifted.out).findings.map(({ kind }: { kind: string }) => kind)).not.toContain("output");
    const masked = await replay(id, "--against", "shop@2.0.0", "--mask", "/sum");
    expect(masked).toMatchObject({ code: 0, view: { result: "same", mask: ["/sum"] } });
    expect((await replay(id)).view.result).toBe("same");
    expect(room.logged("daemon.fatal")).toEqual([]);
  });

  it("has diverged at a hidden read, leaves what changes something outside alone, and cannot tell then", async () => {
    const { daemon, run, replay, data } = await rigged();
    asked.length = 0;
    const { id } = await run("outer", { url, file: file("note.txt") });
    const drift = async () => {
      const { code, out } = await cascade("drift", "--data", data, "--json");
      const lines = JSON.parse(out).findings.map(({ kind, subject }: Record<string, string>) => `${kind} ${subject}`);
      return { code, lines };
    };
    expect(await drift()).toEqual({ code: 0, lines: [] });
    const { code, view } = await replay(id);
    expect(resultsOf(view)).toEqual({ tell: "skipped", hidden: "diverged" });
    expect(view.tasks[1]!.diverged).toContain("note.txt");
    expect(code).toBe(1);
    expect(asked).toEqual(["/told"]);
    expect(await replay(id, "--task", "tell")).toMatchObject({ code: 2, view: { result: "unknown" } });
    expect(await drift()).toEqual({ code: 1, lines: ["output shop/outer/hidden"] });
    await daemon.stop();
    expect(await drift()).toEqual({ code: 1, lines: ["output shop/outer/hidden"] });
  });

  it("of a run that was not recorded, or whose recordings are gone, cannot tell", async () => {
    const { run, replay, data } = await rigged();
    const plain = await run("plain", { url, file: file("note.txt") });
    expect(plain.tasks[0]!.output).toEqual([expect.stringContaining("answer"), "hello\n", "a note"]);
    expect(plain.tasks[0]!.attempts[0]!.recording).toBeNull();
    expect(await replay(plain.id)).toMatchObject({ code: 2, view: { tasks: [{ skipped: "not_recorded" }] } });
    const pure = await run("pure", { numbers: [] });
    for (const name of readdirSync(join(data, "artifacts"))) rmSync(join(data, "artifacts", name));
    const { code, view } = await replay(pure.id, "--task", "sum");
    expect({ code, skipped: view.tasks.map(({ skipped }) => skipped) }).toEqual({
      code: 2,
      skipped: ["recording_gone"],
    });
  });

  it("works on the data folder of a stopped daemon, unsigned, and leaves nothing behind", async () => {
    const { daemon, run, replay, data } = await rigged();
    const { id } = await run("world", { url });
    await daemon.stop();
    const left = () => readdirSync(tmpdir()).filter((name) => /^cascade-(replay|against)-(?!test)/.test(name));
    const before = left();
    const { code, view, err } = await replay(id.slice(-8));
    expect({ code, result: view.result, statement: view.statement }).toEqual({
      code: 0,
      result: "same",
      statement: null,
    });
    expect(err).toContain("Nothing is signed");
    expect(left()).toEqual(before);
    const table = await cascade("replay", id, "--data", data);
    expect(table.out).toContain("read   same");
    expect(table.out).toMatch(new RegExp(`same: run ${id}\n$`));
  });

  it("is broken off when the daemon stops, which does not wait for it", async () => {
    const { daemon, run, data } = await rigged();
    const { id } = await run("slow", { ms: 2_000 });
    const replaying = cascade("replay", id, "--data", data, "--json");
    await eventually(() => readdirSync(tmpdir()).some((name) => /^cascade-replay-(?!test)/.test(name)));
    await new Promise((resolve) => setTimeout(resolve, 200));
    const at = Date.now();
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    expect(Date.now() - at).toBeLessThan(1_500);
    const { code, err } = await replaying;
    expect([code, (JSON.parse(err) as { code: string }).code]).toEqual([75, "DAEMON_DRAINING"]);
  });

  it("refuses what it cannot mean", async () => {
    const { run, data } = await rigged();
    const { id } = await run("pure", { numbers: [] });
    const refused = async (...argv: string[]) => {
      const { code, err } = await cascade("replay", ...argv, "--data", data, "--json");
      return [code, (JSON.parse(err) as { code: string }).code];
    };
    expect(await refused(id, "--task", "nobody")).toEqual([65, "TASK_UNKNOWN"]);
    expect(await refused(id, "--mask", "at")).toEqual([64, "USAGE"]);
    expect(await refused(id, "--against", "shop@9.0.0")).toEqual([65, "PACKAGE_UNKNOWN"]);
    expect(await refused("ffffffffffff")).toEqual([65, "RUN_UNKNOWN"]);
  });
});
