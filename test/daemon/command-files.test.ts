import { appendFileSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { lifeRoom } from "../support/life-room.ts";

const FAST = 'scan_interval = "100ms"';
const greeting = `tasks:\n  greet: { run: 'echo "{\\"hello\\": true}"' }\n`;

describe("a file NAME.cascade.yaml in a watched folder", () => {
  it("runs without being packed, and a changed one takes its place", async () => {
    const room = lifeRoom([], FAST);
    const daemon = await room.start();
    const file = join(room.data, "packages/greeter.cascade.yaml");
    const half = greeting.indexOf("{");
    writeFileSync(file, greeting.slice(0, half));
    appendFileSync(file, greeting.slice(half));
    const loaded = await eventually(
      async () => (await daemon.client.packages()).find(({ state }) => state === "loaded") ?? false,
    );
    expect(loaded).toMatchObject({ name: "greeter", version: expect.stringMatching(/^0\.0\.0-[0-9a-f]{12}x?$/) });
    const { id } = await daemon.client.startRun({ workflow: "greeter", params: {} });
    await eventually(async () => (await daemon.client.run(id)).state === "succeeded");
    expect((await daemon.client.run(id)).tasks).toMatchObject([{ state: "succeeded", output: { hello: true } }]);
    writeFileSync(`${file}.new`, greeting.replace("hello", "again"));
    renameSync(`${file}.new`, file);
    await eventually(async () => {
      const [only, ...others] = await daemon.client.packages();
      return only?.state === "loaded" && only.digest !== loaded.digest && others.length === 0;
    });
    await daemon.stop();
  });

  it("is rejected with every mistake and its place, and is loaded again after a restart when it is mended", async () => {
    const room = lifeRoom([], FAST);
    const first = await room.start();
    const file = join(room.data, "packages/greeter.cascade.yaml");
    writeFileSync(file, "tasks:\n  greet: { command: echo }\n");
    const rejected = await eventually(
      async () => (await first.client.packages()).find(({ state }) => state === "rejected") ?? false,
    );
    expect(rejected.error).toMatchObject({
      code: "PACKAGE_INVALID",
      message: expect.stringContaining("greeter.cascade.yaml:2:12"),
    });
    await first.stop();
    writeFileSync(file, greeting);
    const second = await room.start();
    await eventually(async () => (await second.client.packages())[0]?.state === "loaded");
    await second.stop();
  });
});

describe("what lies in a watched folder and is no package", () => {
  it("is told once, in the log and in the status, until it leaves", async () => {
    const room = lifeRoom([], FAST);
    const daemon = await room.start();
    const folder = join(room.data, "packages");
    writeFileSync(join(folder, "workflow.yaml"), greeting);
    mkdirSync(join(folder, "greeter"));
    symlinkSync("workflow.yaml", join(folder, "link.cascade"));
    const told = await eventually(async () => {
      const { warnings } = await daemon.client.status();
      return warnings.filter((warning) => warning.includes("is passed over")).length === 3 && warnings;
    });
    expect(told.find((warning) => warning.includes("workflow.yaml"))).toContain("workflow.cascade.yaml");
    renameSync(join(folder, "workflow.yaml"), join(folder, "workflow.cascade.yaml"));
    await eventually(async () => (await daemon.client.packages())[0]?.state === "loaded");
    const { warnings } = await daemon.client.status();
    expect(warnings.filter((warning) => warning.includes("is passed over"))).toHaveLength(2);
    const lines = daemon.stderr().split("\n");
    expect(lines.filter((line) => line.includes("is passed over: it is a folder"))).toHaveLength(1);
    await daemon.stop();
  });
});
