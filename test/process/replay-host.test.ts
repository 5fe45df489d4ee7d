import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { networkNamespace } from "../../src/adapters/process/network-namespace.ts";
import { openReplayHost } from "../../src/adapters/process/replay-host.ts";
import { parseRecording, type Recording } from "../../src/domain/recording.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { ReplayHost } from "../../src/ports/replay-host.ts";
import type { AttemptSpec } from "../../src/ports/task-host.ts";
import { attemptSpec, endOf } from "../support/attempts.ts";
import { childEntry } from "../support/child-entry.ts";
import { createPackedStore, type Packed, type PackedStore } from "../support/packed-store.ts";
import { createProcessHostRig, type ProcessHostRig } from "../support/process-host-rig.ts";
import { realClock } from "../support/real-clock.ts";

const source = `
import { writeFileSync } from "node:fs";
import { workflow } from "cascaded";
export default workflow("flow", { record: true })
  .task("place", () => [process.env.LANG, process.env.USER, process.env.TZ ?? null, new Date(0).toString(), process.env.TOKEN ?? null])
  .task("native", ({ params }) => new Promise((resolve) => {
    // Past everything that JavaScript can watch.
    const { TCP, TCPConnectWrap, constants } = process.binding("tcp_wrap");
    const request = new TCPConnectWrap();
    request.oncomplete = (status) => resolve(status);
    const status = new TCP(constants.SOCKET).connect(request, "127.0.0.1", params.port);
    if (status !== 0) resolve(status);
  }))
  .task("writes", ({ workDir, params }) => { writeFileSync(workDir + "/own", "1"); writeFileSync(params.path, "1"); return 1; })
  .task("large", () => "x".repeat(100_000))
  .task("stuck", ({ params }) => new Promise((resolve) => setTimeout(resolve, params.ms, null)))
  .task("exits", () => process.exit(3));
`;

let packages: PackedStore;
let packed: Packed;
let rig: ProcessHostRig;
let host: ReplayHost | undefined;
let server: Server;
let connections = 0;
let folder: string;
let temp: string;

beforeAll(async () => {
  packages = createPackedStore();
  packed = await packages.pack({ source, cascade: { env: ["TOKEN"] } });
  server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  await packages.close();
  server.close();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cascade-recordings-"));
  temp = join(folder, "temp");
  mkdirSync(temp);
  connections = 0;
  rig = createProcessHostRig({ environment: { TZ: "Asia/Tokyo", TOKEN: "then" } });
});
afterEach(async () => {
  await host?.close();
  host = undefined;
  await rig.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(environment: Record<string, string> = {}): Promise<ReplayHost> {
  host = await openReplayHost({
    nodePath: process.execPath,
    childEntry: childEntry(),
    packageDir: (digest) => join(packages.root, digest),
    artifactPath: (digest) => join(folder, digest),
    clock: realClock,
    logger: silentLogger,
    bootId: "replay",
    environment: { PATH: "/usr/bin:/bin", LANG: "de_DE.UTF-8", USER: "somebody", ...environment },
    umask: 0o022,
    tempFolder: temp,
  });
  return host;
}

async function record(task: string, params: unknown = {}): Promise<{ spec: AttemptSpec; recording: Recording }> {
  const spec = attemptSpec({
    package: { ...packed.identity, digest: packed.folder },
    workflow: "demo/flow",
    task,
    env: ["TOKEN"],
    params: JSON.stringify(params),
    readings: { mode: "record", effects: "recorded", codeDigest: null, inputDigest: "0".repeat(64) },
  });
  const { readings } = await endOf(rig.run(spec));
  const bytes = rig.artifacts.contents.get(readings!)!;
  writeFileSync(join(folder, readings!), bytes);
  const replayed: AttemptSpec = {
    ...spec,
    package: packed.identity,
    readings: { mode: "replay", recording: readings! },
  };
  return { spec: replayed, recording: parseRecording(bytes.toString("utf8"))! };
}

test("language, user and zone are those of the recording; a declared name has the value of today, or none", async () => {
  const { spec, recording } = await record("place");
  const there = ["C.UTF-8", "tester", "Asia/Tokyo", expect.stringContaining("GMT+0900")];
  const now = await (await open({ TOKEN: "now" })).replay(spec, recording);
  expect(JSON.parse((now.end as { json: string }).json)).toEqual([...there, "now"]);
  expect(now).toMatchObject({ diverged: null, impure: ["environment variable TOKEN"] });
  await host!.close();
  const none = await (await open()).replay(spec, recording);
  expect(JSON.parse((none.end as { json: string }).json)).toEqual([...there, null]);
});

test("the kernel lets nothing out, not even what no recording could notice, where it has namespaces", async (context) => {
  if (!(await networkNamespace())) return context.skip();
  const { spec, recording } = await record("native", { port: (server.address() as AddressInfo).port });
  expect(recording.impure).toEqual([]);
  const before = connections;
  expect(before).toBe(1);
  const replayed = await (await open()).replay(spec, recording);
  expect(host!.isolation).toBe("namespace");
  expect(Number((replayed.end as { json: string }).json)).toBeLessThan(0);
  expect(connections).toBe(before);
});

test("writes go to the scratch folder, which is removed, and nowhere else", async () => {
  const path = join(folder, "written");
  const { spec, recording } = await record("writes", { path });
  rmSync(path);
  const replayed = await (await open()).replay(spec, recording);
  expect(replayed.diverged).toBe(`file ${path}`);
  expect(readdirSync(folder)).not.toContain("written");
  await host!.close();
  expect(readdirSync(temp)).toEqual([]);
});

test("a large output is compared whole, and a process that dies is a failure", async () => {
  const large = await record("large");
  const replayed = await (await open()).replay(large.spec, large.recording);
  expect(replayed.end).toEqual({ kind: "output", json: JSON.stringify("x".repeat(100_000)) });
  const { spec, recording } = large;
  expect((await host!.replay({ ...spec, task: "exits" }, recording)).end).toMatchObject({
    kind: "failure",
    code: "TASK_EXITED",
  });
});

test("a zone that nobody has set is not set in a replay either", async () => {
  await rig.close();
  rig = createProcessHostRig({ environment: { TOKEN: "then" } });
  const { spec, recording } = await record("place");
  expect(recording.environment).not.toHaveProperty("TZ");
  const replayed = await (await open()).replay(spec, recording);
  const seen = JSON.parse((replayed.end as { json: string }).json) as unknown[];
  expect(seen.slice(0, 3)).toEqual(["C.UTF-8", "tester", null]);
});

test("closing breaks off what runs", async () => {
  const { spec, recording } = await record("stuck", { ms: 1 });
  const replaying = (await open()).replay({ ...spec, params: '{"ms":60000}' }, recording);
  const broken = expect(replaying).rejects.toMatchObject({ code: "DAEMON_DRAINING" });
  await new Promise((resolve) => setTimeout(resolve, 300));
  await host!.close();
  await broken;
  expect(readdirSync(temp)).toEqual([]);
});
