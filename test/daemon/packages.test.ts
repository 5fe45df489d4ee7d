import { appendFileSync, existsSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { DaemonProcess } from "../support/daemon-process.ts";
import { eventually } from "../support/eventually.ts";
import { lifePackages } from "../support/life-packages.ts";
import { lifeRoom } from "../support/life-room.ts";
import { tinyPackage } from "../support/tiny-package.ts";

const files = lifePackages();
const FAST = 'scan_interval = "100ms"';

const versions = async (daemon: DaemonProcess) =>
  (await daemon.client.workflows()).filter(({ package: name }) => name === "tiny").map(({ version }) => version);

describe("a file in the watched folder", () => {
  it("that arrives in pieces is loaded when it is whole, and runs at once", async () => {
    const room = lifeRoom([], FAST);
    const daemon = await room.start();
    const { bytes } = tinyPackage();
    const file = join(room.data, "packages/tiny.cascade");
    writeFileSync(file, bytes.subarray(0, 100));
    await eventually(async () => (await daemon.client.packages())[0]?.state === "arriving");
    expect(await versions(daemon)).toEqual([]);
    appendFileSync(file, bytes.subarray(100));
    await eventually(async () => (await versions(daemon))[0] === "1.0.0");
    expect((await daemon.client.startRun({ workflow: "flow", params: {} })).package).toBe("tiny");
    await daemon.stop();
  });

  it("that is broken is rejected with a reason, and the version before it goes on serving", async () => {
    const room = lifeRoom([], FAST);
    const daemon = await room.start();
    const folder = join(room.data, "packages");
    writeFileSync(join(folder, "one.cascade"), tinyPackage().bytes);
    await eventually(async () => (await versions(daemon))[0] === "1.0.0");
    const { bytes } = tinyPackage({ version: "2.0.0", body: "export default 2;\n" });
    bytes[bytes.length >> 1]! ^= 0xff;
    writeFileSync(join(folder, "two.cascade"), bytes);
    const rejected = await eventually(
      async () => (await daemon.client.packages()).find(({ state }) => state === "rejected") ?? false,
      // It might still be written, in whatever order, until it has stood still for ten seconds.
      { timeoutMs: 20_000 },
    );
    expect(rejected.error!.code).toMatch(/^PACKAGE_/);
    expect(await versions(daemon)).toEqual(["1.0.0"]);
    expect((await daemon.client.status()).packages).toEqual({ loaded: 1, rejected: 1 });
    await daemon.stop();
  });

  it("that leaves hands over to the next lower version, and the last one unloads the package", async () => {
    const room = lifeRoom([], FAST);
    const daemon = await room.start();
    const folder = join(room.data, "packages");
    writeFileSync(join(folder, "one.cascade"), tinyPackage().bytes);
    writeFileSync(join(folder, "two.cascade"), tinyPackage({ version: "2.0.0", body: "export default 2;\n" }).bytes);
    await eventually(async () => (await versions(daemon))[0] === "2.0.0");
    rmSync(join(folder, "two.cascade"));
    await eventually(async () => (await versions(daemon))[0] === "1.0.0");
    rmSync(join(folder, "one.cascade"));
    await eventually(async () => (await versions(daemon)).length === 0);
    await daemon.stop();
  });
});

describe("a watched folder that is gone", () => {
  it("unloads nothing, and status says why", async () => {
    const room = lifeRoom([], FAST);
    const daemon = await room.start();
    const folder = join(room.data, "packages");
    writeFileSync(join(folder, "one.cascade"), tinyPackage().bytes);
    await eventually(async () => (await versions(daemon))[0] === "1.0.0");
    renameSync(folder, `${folder}.away`);
    await eventually(async () => (await daemon.client.status()).watch[0]?.ok === false);
    expect(await versions(daemon)).toEqual(["1.0.0"]);
    renameSync(`${folder}.away`, folder);
    await eventually(async () => (await daemon.client.status()).watch[0]?.ok === true);
    expect(await versions(daemon)).toEqual(["1.0.0"]);
    await daemon.stop();
  });
});

describe("a run in flight", () => {
  it("ends on the code it began with, though its package has left and the daemon was restarted; then the code is collected", async () => {
    const room = lifeRoom([files.life], `${FAST}\n[retention]\nstore = "1s"`);
    const daemon = await room.start();
    const run = await room.begin(daemon, "gated");
    rmSync(join(room.data, "packages/life-1.0.0.cascade"));
    await eventually(async () => (await daemon.client.workflows()).length === 0);
    await daemon.kill();

    const next = await room.start();
    expect(readdirSync(join(room.data, "store"))).toHaveLength(1);
    room.openGate();
    const view = await room.end(next, run);
    expect(view).toMatchObject({ state: "succeeded", version: "1.0.0" });
    room.configure(`${FAST}\n[retention]\nstore = "0ms"`);
    await next.client.reload();
    await eventually(() => !existsSync(join(room.data, "store", view.digest)));
    await next.stop();
  });
});
