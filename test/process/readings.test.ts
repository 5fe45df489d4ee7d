import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Recording } from "../../src/domain/recording.ts";
import type { Effects } from "../../src/domain/workflow.ts";
import { canonicalJson } from "../../src/kernel/canonical-json.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import type { AttemptResult, AttemptSpec } from "../../src/ports/task-host.ts";
import { endOf } from "../support/attempts.ts";
import { createPackedStore, type Packed, type PackedStore } from "../support/packed-store.ts";
import { createProcessHostRig, type ProcessHostRig, type RigOptions } from "../support/process-host-rig.ts";

const source = `
import { workflow } from "cascaded";
import { hrtime } from "node:process";
import { getRandomValues, randomBytes, randomInt, randomUUID, generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import http from "node:http";
import os from "node:os";
import { spawnSync } from "node:child_process";

const kept = { now: Date.now, random: Math.random, Date };

export default workflow("flow", { record: true })
  .task("clocks", async () => {
    const first = [Date.now(), +new Date(), Date(), performance.now(), performance.timeOrigin, String(process.hrtime.bigint()), hrtime()];
    await new Promise((resolve) => setTimeout(resolve, 5));
    return [...first, kept.now(), new Date(0).toISOString(), new Date() instanceof Date, new Date().constructor === Date, Object.keys(Date)];
  })
  .task("randomness", async () => {
    const filled = new Uint32Array(3);
    crypto.getRandomValues(filled);
    const other = getRandomValues(new Uint8Array(3));
    const called = await new Promise((resolve) => randomBytes(4, (_, bytes) => resolve(bytes.toString("hex"))));
    return [Math.random(), kept.random(), randomUUID(), crypto.randomUUID(), randomInt(1000), randomInt(5, 7),
      randomBytes(8).toString("hex"), [...filled], [...other], called];
  })
  .task("fetches", async ({ fetch, params }) => {
    const ask = async (path, init) => {
      const response = await fetch(params.url + path, init);
      return [response.status, response.url.slice(-2), response.headers.get("x-count"), await response.text()];
    };
    const both = await Promise.all([ask("/a"), ask("/b", { method: "POST", body: "sent" })]);
    return [...both, await ask("/a"), await fetch("http://127.0.0.1:2/").catch((error) => [error.name, error.code])];
  })
  .task("programs", async ({ exec, workDir }) => [
    await exec("sh", ["-c", "cat; date +%N; echo oops >&2; exit 3"], { input: "given " }),
    await exec("ls", [workDir]),
    await exec("no-such-program").catch((error) => error.code),
  ])
  .task("files", async ({ readFile, params, assets }) => [
    await readFile(params.file, "utf8"),
    (await readFile(params.file)).length,
    await readFile(assets + "/note.txt", "utf8"),
    await readFile("/not/there").catch((error) => error.code),
  ])
  .task("fails", () => { throw new RangeError("at " + Date.now()); })
  .task("purely", { effects: "pure" }, ({ params }) => ({ doubled: params.n * 2 }))
  .task("impurely", { effects: "pure" }, () => Math.floor(Date.now() / 1e15))
  .task("outwards", { effects: "external" }, async () => Date.now())
  .task("hidden", async ({ params, assets, workDir }) => {
    const ways = {
      fetch: () => fetch(params.url + "/hidden").then((response) => response.text()),
      http: () => new Promise((resolve, reject) => http.get(params.url + "/hidden", resolve).on("error", reject)).then(() => 1),
      file: () => readFileSync(params.file, "utf8"),
      promised: () => readFile(params.file, "utf8"),
      program: () => spawnSync("true").status,
      machine: () => os.hostname().length > 0,
      key: () => generateKeyPairSync("ed25519").publicKey.type,
      env: () => process.env.TOKEN,
      own: () => { writeFileSync(workDir + "/x", "1"); return readFileSync(workDir + "/x", "utf8") + readFileSync(assets + "/note.txt", "utf8"); },
    };
    return ways[params.way]();
  })
  .task("catches", async ({ params }) => fetch(params.url + "/hidden").then(() => 1, () => 1))
  .task("many", ({ params }) => { for (let n = 0; n < params.n; n++) performance.now(); return params.n; })
  .task("state", () => [Date === kept.Date, Object.hasOwn(performance, "now"), Object.hasOwn(crypto, "randomUUID"), Math.random === kept.random]);
`;

let packages: PackedStore;
let packed: Packed;
let rig: ProcessHostRig;
let server: Server;
let asked: string[] = [];
let url: string;
let file: string;

beforeAll(async () => {
  packages = createPackedStore();
  packed = await packages.pack({
    source,
    cascade: { assets: ["note.txt"], env: ["TOKEN"] },
    files: { "note.txt": "note" },
  });
  file = join(packages.root, "outside.txt");
  writeFileSync(file, "outside");
  server = createServer((request, response) => {
    asked.push(request.url!);
    request.on("data", () => undefined);
    request.on("end", () => response.setHeader("x-count", asked.length).end(`answer ${asked.length}`));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await packages?.close();
  server?.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
afterEach(() => rig?.close());

function make(options: RigOptions = {}): void {
  asked = [];
  rig = createProcessHostRig({ environment: { TOKEN: "secret" }, ...options });
}

const specOf = (task: string, params: unknown): Partial<AttemptSpec> => ({
  package: { ...packed.identity, digest: packed.folder },
  workflow: "demo/flow",
  task,
  env: ["TOKEN"],
  params: JSON.stringify(params),
});

async function record(task: string, params: unknown = {}, effects: Effects = "recorded") {
  const readings = { mode: "record", effects, codeDigest: null, inputDigest: sha256("input") } as const;
  const result = await endOf(rig.run({ ...specOf(task, params), readings }));
  const bytes = rig.artifacts.contents.get(result.readings ?? "");
  if (!bytes) throw new Error(`no recording: ${JSON.stringify(result)}`);
  return { result, bytes, recording: JSON.parse(bytes.toString("utf8")) as Recording, output: outputOf(result) };
}

async function replay(task: string, bytes: Buffer, params: unknown = {}) {
  mkdirSync(rig.workRoot, { recursive: true });
  writeFileSync(join(rig.workRoot, "..", "the-recording"), bytes);
  const readings = { mode: "replay", recording: "the-recording" } as const;
  const result = await endOf(rig.run({ ...specOf(task, params), readings, isolation: "fresh" }));
  const notes: unknown = JSON.parse(rig.artifacts.contents.get(result.readings ?? "")!.toString("utf8"));
  return { result, notes: notes as { diverged: string | null; impure: string[] }, output: outputOf(result) };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each task returns something else
function outputOf({ output }: AttemptResult): any {
  return output?.kind === "inline" ? JSON.parse(output.json) : output;
}

describe("what a recorded attempt reads", () => {
  test.each([
    ["clocks", "the time"],
    ["randomness", "randomness"],
  ])("is served again: %s", async (task) => {
    make();
    const recorded = await record(task);
    expect(recorded.recording).toMatchObject({ impure: [], isComplete: true });
    const again = await record(task);
    expect(again.output).not.toEqual(recorded.output);
    const replayed = await replay(task, recorded.bytes);
    expect(replayed).toMatchObject({ output: recorded.output, notes: { diverged: null, impure: [] } });
  });

  test("answers of servers, also of one that is not there, without another request", async () => {
    make();
    const params = { url };
    const recorded = await record("fetches", params);
    expect(recorded.output[0].slice(0, 2)).toEqual([200, "/a"]);
    expect(recorded.output.at(-1)).toEqual(["TypeError", "ECONNREFUSED"]);
    expect([...asked].sort()).toEqual(["/a", "/a", "/b"]);
    const replayed = await replay("fetches", recorded.bytes, params);
    expect(replayed).toMatchObject({ output: recorded.output, notes: { diverged: null, impure: [] } });
    expect(asked).toHaveLength(3);
  });

  test("what programs printed, wherever the work folder is", async () => {
    make();
    const recorded = await record("programs");
    expect(recorded.output).toMatchObject([
      { exitCode: 3, signal: null, stdout: expect.stringMatching(/^given \d+\n$/), stderr: "oops\n" },
      { exitCode: 0, stdout: "" },
      "ENOENT",
    ]);
    const replayed = await replay("programs", recorded.bytes);
    expect(replayed).toMatchObject({ output: recorded.output, notes: { diverged: null, impure: [] } });
  });

  test("files that were declared by reading them through the context; its own need no recording", async () => {
    make();
    writeFileSync(file, "before");
    const recorded = await record("files", { file });
    expect(recorded.output).toEqual(["before", 6, "note", "ENOENT"]);
    expect(recorded.recording.answers).toHaveLength(3);
    writeFileSync(file, "after, and longer");
    const replayed = await replay("files", recorded.bytes, { file });
    expect(replayed).toMatchObject({ output: recorded.output, notes: { diverged: null, impure: [] } });
  });

  test("a failure is recorded and comes again", async () => {
    make();
    const recorded = await record("fails");
    const { failure } = recorded.result;
    expect(failure?.message).toMatch(/^RangeError: at \d{13}$/);
    const replayed = await replay("fails", recorded.bytes);
    expect(replayed.result.failure).toMatchObject({ code: failure!.code, message: failure!.message });
  });

  test("the recording is in RFC 8785 bytes and names what ran where, without declared variables", async () => {
    make();
    const { bytes, recording } = await record("hidden", { way: "env" });
    expect(canonicalJson(recording)).toBe(bytes.toString("utf8"));
    expect(recording).toMatchObject({
      type: "urn:cascade:recording:v1",
      workflow: "demo/flow",
      task: "hidden",
      attempt: 1,
      effects: "recorded",
      codeDigest: null,
      inputDigest: sha256("input"),
      outputDigest: sha256('"secret"'),
      errorDigest: null,
      node: process.versions.node,
      environment: { LANG: "C.UTF-8", USER: "tester" },
    });
    expect(recording.environment).not.toHaveProperty("TOKEN");
    expect(recording.seed).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("what is hidden from a recording", () => {
  test.each([
    ["fetch", /^global fetch of http/],
    ["http", /^http.get$/],
    ["file", /outside.txt$/],
    ["promised", /outside.txt$/],
    ["program", /^program true$/],
    ["machine", /^os.hostname$/],
    ["key", /^crypto.generateKeyPairSync$/],
  ])("marks it and is refused in a replay: %s", async (way, what) => {
    make();
    const params = { way, url, file };
    const recorded = await record("hidden", params);
    expect(recorded.result.outcome).toBe("succeeded");
    expect(recorded.recording.impure).toEqual([expect.stringMatching(what)]);
    const requests = asked.length;
    const replayed = await replay("hidden", recorded.bytes, params);
    expect(replayed.notes.diverged).toMatch(what);
    expect(asked).toHaveLength(requests);
  });

  test("a task that catches the refusal has still diverged", async () => {
    make();
    const recorded = await record("catches", { url });
    const replayed = await replay("catches", recorded.bytes, { url });
    expect(replayed).toMatchObject({ output: 1, notes: { diverged: expect.stringContaining("global fetch") } });
  });

  test("a declared variable marks it both times, and is given", async () => {
    make();
    const recorded = await record("hidden", { way: "env" });
    expect(recorded.recording.impure).toEqual(["environment variable TOKEN"]);
    const replayed = await replay("hidden", recorded.bytes, { way: "env" });
    expect(replayed).toMatchObject({
      output: "secret",
      notes: { diverged: null, impure: ["environment variable TOKEN"] },
    });
  });

  test("the work folder and the package are its own", async () => {
    make();
    const recorded = await record("hidden", { way: "own" });
    expect(recorded).toMatchObject({ output: "1note", recording: { impure: [], answers: [] } });
    expect(await replay("hidden", recorded.bytes, { way: "own" })).toMatchObject({
      output: "1note",
      notes: { diverged: null },
    });
  });

  test("asking for more than was read, or for something else, has diverged", async () => {
    make();
    const recorded = await record("many", { n: 3 });
    expect((await replay("many", recorded.bytes, { n: 3 })).notes).toEqual({ diverged: null, impure: [] });
    const more = await replay("many", recorded.bytes, { n: 4 });
    expect(more.notes.diverged).toBe("further reading of the clock performance");
    const fetched = await record("fetches", { url });
    const other = await replay("fetches", fetched.bytes, { url: "http://127.0.0.2:9" });
    expect(other.notes.diverged).toBe("fetch GET http://127.0.0.2:9");
  });
});

describe("tasks of other kinds", () => {
  test("a pure one reads nothing; one that does is marked, and refused in a replay", async () => {
    make();
    const pure = await record("purely", { n: 4 }, "pure");
    expect(pure).toMatchObject({ output: { doubled: 8 }, recording: { impure: [], effects: "pure" } });
    expect(await replay("purely", pure.bytes, { n: 4 })).toMatchObject({
      output: { doubled: 8 },
      notes: { diverged: null, impure: [] },
    });
    const impure = await record("impurely", {}, "pure");
    expect(impure.recording).toMatchObject({ impure: ["a clock"], clocks: { date: [] } });
    expect((await replay("impurely", impure.bytes)).notes.diverged).toBe("a clock");
  });

  test("an external one is left alone, and its end is kept", async () => {
    make();
    const { recording, output } = await record("outwards", {}, "external");
    expect(recording).toMatchObject({
      effects: "external",
      clocks: { date: [] },
      outputDigest: sha256(String(output)),
    });
  });
});

test("readings that grow too large are given up, and the recording says so", async () => {
  make({ limits: { recordingMax: 2_000 } });
  const { recording, result } = await record("many", { n: 1_000 });
  expect(result.outcome).toBe("succeeded");
  expect(recording).toMatchObject({ isComplete: false, clocks: { performance: [] }, answers: [] });
});

test("a loop that waits for the clock takes a line per change, not per look", async () => {
  make();
  const { recording } = await record("clocks");
  for (const [, times] of recording.clocks.date) expect(times).toBeGreaterThanOrEqual(1);
  expect(recording.clocks.date.length).toBeLessThan(8);
});

test("without recording nothing is in the way, before and after a recorded attempt in the same process", async () => {
  make({ concurrency: 1 });
  const plain = [true, false, false, true];
  expect(outputOf(await endOf(rig.run(specOf("state", {}))))).toEqual(plain);
  const { output } = await record("state");
  expect(output).toEqual([false, true, true, false]);
  const after = await endOf(rig.run(specOf("state", {})));
  expect(outputOf(after)).toEqual(plain);
  expect(after.readings).toBeNull();
});
