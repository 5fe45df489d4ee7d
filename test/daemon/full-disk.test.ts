import { spawnSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemErrorCode } from "../../src/kernel/errors.ts";
import { type DaemonProcess, startDaemon } from "../support/daemon-process.ts";
import { eventually } from "../support/eventually.ts";
import { lifePackages, OUTSIDE } from "../support/life-packages.ts";
import { endProcessesOf } from "../support/processes-of.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { tinyPackage } from "../support/tiny-package.ts";
import { skipsAllowed } from "../support/skipping.ts";

const files = lifePackages();

/** Too little for runs to start, and just enough for them, with room to spare. */
const TINY_MB = 24;
const SMALL_MB = 640;

/** Mounts a disk in memory; undefined where that is not allowed. */
function smallDisk(sizeMb: number): string | undefined {
  if (freemem() < 3 * sizeMb * 1024 * 1024) return lacking("too little memory is free");
  const folder = mkdtempSync(join(tmpdir(), "cascade-disk-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMb}m`, "tmpfs", folder]).status === 0;
  if (!mounted) {
    rmSync(folder, { recursive: true, force: true });
    return lacking("this user may not mount");
  }
  onTestFinished(async () => {
    await endProcessesOf(folder);
    await eventually(() => spawnSync("umount", [folder]).status === 0);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

function lacking(what: string): undefined {
  if (!skipsAllowed) throw new Error(`no disk in memory can be had: ${what}`);
}

/** Takes all the room that is left; the returned function gives it back. */
function fill(folder: string): () => void {
  const path = join(folder, "filler");
  const file = openSync(path, "w");
  // Ever smaller pieces: the daemon may take what was left a moment ago.
  for (let size = 4 * 1024 * 1024; size >= 1; size = Math.floor(size / 8)) {
    const chunk = Buffer.alloc(size);
    while (hasRoomFor(file, chunk));
  }
  closeSync(file);
  return () => rmSync(path);
}

function hasRoomFor(file: number, chunk: Buffer): boolean {
  try {
    return writeSync(file, chunk) === chunk.length;
  } catch (error) {
    if (systemErrorCode(error) === "ENOSPC") return false;
    throw error;
  }
}

const pause = (daemon: DaemonProcess, count: number) =>
  Promise.all(Array.from({ length: count }, () => daemon.client.pauseWorkflow("tiny/flow")));

/** A daemon on a disk that is full; undefined where that cannot be had. */
async function daemonOnFullDisk() {
  const data = smallDisk(TINY_MB);
  if (data === undefined) return undefined;
  const daemon = await startDaemon({ data });
  writeFileSync(join(data, "packages/tiny.cascade"), tinyPackage().bytes);
  await eventually(async () => (await daemon.client.workflows()).length === 1);
  const free = fill(data);
  // The write-ahead log may have room for the first ones.
  const asked = pause(daemon, 200);
  asked.catch(() => undefined);
  await eventually(() => daemon.stderr().includes('"store.full"'));
  return { data, daemon, asked, free };
}

describe("on a full disk", () => {
  it("what is asked waits, status says why, and all goes on by itself when there is room", async (test) => {
    const found = await daemonOnFullDisk();
    if (!found) return test.skip("mounting a disk takes root, and memory for it");
    const { daemon, asked, free } = found;
    const status = await daemon.client.status();
    expect(status.state).toBe("running");
    expect(status.warnings.join("\n")).toMatch(/disk is full/);
    free();
    expect(await asked).toHaveLength(200);
    expect((await daemon.client.status()).warnings.join("\n")).not.toMatch(/disk is full/);
    expect((await daemon.client.workflow("tiny/flow")).paused).toBe(true);
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  });

  it("a run in flight waits with its result, and ends when there is room", async (test) => {
    const data = smallDisk(SMALL_MB);
    if (data === undefined) return test.skip("mounting a disk takes root, and memory for it");
    const outside = tempFolder();
    mkdirSync(join(data, "packages"), { mode: 0o700 });
    copyFileSync(files.life, join(data, "packages/life.cascade"));
    const daemon = await startDaemon({ data, environment: { [OUTSIDE]: outside } });
    const runs = await Promise.all(
      Array.from({ length: 40 }, () => daemon.client.startRun({ workflow: "life/gated", params: {} })),
    );
    await eventually(() => existsSync(join(outside, "log")));
    const free = fill(data);
    writeFileSync(join(outside, "gate"), "");
    await eventually(() => daemon.stderr().includes('"store.full"'));
    free();
    for (const { id } of runs) {
      const view = await eventually(async () => {
        const run = await daemon.client.run(id);
        return run.endedAt !== null && run;
      });
      expect(view.state).toBe("succeeded");
    }
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  });

  it("a daemon that is told to end does so, and the next one settles what was left", async (test) => {
    const found = await daemonOnFullDisk();
    if (!found) return test.skip("mounting a disk takes root, and memory for it");
    const { data, daemon, free } = found;
    daemon.signal("SIGTERM");
    await eventually(async () => (await daemon.client.status()).state === "draining");
    const drainingAt = performance.now();
    await eventually(() => performance.now() > drainingAt + 150);
    daemon.signal("SIGTERM");
    expect(await daemon.ended).toEqual({ code: 75, signal: null });
    free();
    const next = await startDaemon({ data });
    await pause(next, 1);
    expect(await next.stop()).toEqual({ code: 0, signal: null });
  });
});
