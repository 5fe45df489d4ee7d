import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CascadeError } from "../../src/kernel/errors.ts";
import type { PackageArchive } from "../../src/ports/package-archive.ts";
import { createRegistryRoom } from "../support/registry-room.ts";
import { tinyPackage } from "../support/tiny-package.ts";

const isRoot = process.getuid!() === 0;
const first = tinyPackage({ version: "1.0.0" });
const second = tinyPackage({ version: "1.1.0" });

async function startedRoom(options: Parameters<typeof createRegistryRoom>[0] = {}) {
  const room = createRegistryRoom(options);
  const reconciler = room.boot();
  await reconciler.start();
  return { ...room, reconciler, scan: () => reconciler.reconcileOnce() };
}

describe("a file arrives", () => {
  test("a whole package that was there before the start is loaded when the start resolves", async () => {
    const room = createRegistryRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    const reconciler = room.boot();
    await reconciler.start();
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
    expect(await room.files()).toEqual({ "tiny.cascade": "loaded" });
    expect(await room.active("tiny")).toEqual(first.identity);
    expect(readdirSync(room.root)).toEqual([first.identity.digest]);
    expect(room.passed).toContain("load-committed");
    expect(room.events).toMatchObject([{ name: "package.loaded", package: "tiny", version: "1.0.0" }]);
    expect(reconciler.status()).toEqual({
      folders: [{ dir: room.watched, ok: true, error: null, files: 1 }],
      loaded: 1,
      rejected: 0,
    });
  });

  test("a copy in pieces loads at once with its last byte, and not before", async () => {
    const room = await startedRoom();
    for (let offset = 0; offset < first.bytes.length; offset += 200) {
      appendFileSync(room.path("tiny.cascade"), first.bytes.subarray(offset, offset + 200));
      await room.clock.advance(700);
      await room.scan();
      const isWhole = offset + 200 >= first.bytes.length;
      expect(await room.files()).toEqual({ "tiny.cascade": isWhole ? "loaded" : "arriving" });
    }
    expect(room.events.map(({ name }) => name)).toEqual(["package.loaded"]);
  });

  test("an incomplete file is read at most twice a second however often it changes", async () => {
    const room = createRegistryRoom();
    let reads = 0;
    const incomplete: PackageArchive["read"] = async () => {
      reads++;
      return { kind: "incomplete", error: new CascadeError("PACKAGE_TRUNCATED", "it ends early") };
    };
    const reconciler = room.boot({
      archive: { read: incomplete, inspect: incomplete, check: async () => undefined },
    });
    await reconciler.start();
    for (let time = 0; time < 2_000; time += 50) {
      appendFileSync(room.path("tiny.cascade"), "more");
      await reconciler.reconcileOnce();
      await room.clock.advance(50);
    }
    expect(reads).toBeGreaterThanOrEqual(4);
    expect(reads).toBeLessThanOrEqual(5);
  });

  test("an incomplete file is rejected after ten seconds without a change, and arrives again when it changes", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes.subarray(0, 300));
    await room.scan();
    await room.clock.advance(9_000);
    await room.scan();
    expect(await room.files()).toEqual({ "tiny.cascade": "arriving" });
    await room.clock.advance(1_001);
    await room.scan();
    expect(await room.files()).toEqual({ "tiny.cascade": "rejected PACKAGE_TRUNCATED" });
    writeFileSync(room.path("tiny.cascade"), first.bytes.subarray(0, 400));
    await room.scan();
    expect(await room.files()).toEqual({ "tiny.cascade": "arriving" });
    await room.clock.advance(1_000);
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    expect(await room.files()).toEqual({ "tiny.cascade": "loaded" });
  });

  test("a broken file is rejected with its reason until it changes, and told once", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), "this is no archive, and no copying can make it one");
    await room.scan();
    await room.scan();
    const [record] = await room.store.packageFiles();
    expect(record).toMatchObject({ state: "rejected", package: null });
    expect(record?.error?.hint).not.toBe("");
    expect(room.events.filter(({ name }) => name === "package.rejected")).toHaveLength(1);
    expect((await room.store.audit(10)).map(({ name }) => name)).toEqual(["package.rejected"]);
    room.remove("tiny.cascade");
    await room.scan();
    expect(await room.files()).toEqual({});
  });

  test("rsync's hidden file counts only under its last name", async () => {
    const room = await startedRoom();
    writeFileSync(room.path(".tiny.cascade.Xy12"), first.bytes);
    writeFileSync(room.path(".tiny.cascade"), first.bytes);
    await room.scan();
    expect(await room.files()).toEqual({});
    renameSync(room.path(".tiny.cascade.Xy12"), room.path("tiny.cascade"));
    await room.scan();
    expect(await room.files()).toEqual({ "tiny.cascade": "loaded" });
  });

  test("links, folders, pipes and other names are ignored", async () => {
    const room = await startedRoom();
    writeFileSync(join(room.base, "elsewhere.cascade"), first.bytes);
    symlinkSync(join(room.base, "elsewhere.cascade"), room.path("link.cascade"));
    mkdirSync(room.path("folder.cascade"));
    writeFileSync(join(room.path("folder.cascade"), "tiny.cascade"), first.bytes);
    writeFileSync(room.path("tiny.cascade.part"), first.bytes);
    const { execFileSync } = await import("node:child_process");
    execFileSync("mkfifo", [room.path("pipe.cascade")]);
    await room.scan();
    expect(await room.files()).toEqual({});
    expect(await room.loaded()).toEqual([]);
  });
});

describe("a file is replaced", () => {
  test("a new version by rename takes over, and the old one by then is unloaded", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    writeFileSync(room.path(".next"), second.bytes);
    renameSync(room.path(".next"), room.path("tiny.cascade"));
    await room.scan();
    expect(await room.loaded()).toEqual(["tiny@1.1.0"]);
    expect(await room.active("tiny")).toEqual(second.identity);
    expect(room.served.at(-1)?.active).toEqual(second.identity);
  });

  test("while scp overwrites a package in place, the one it held keeps serving", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    writeFileSync(room.path("tiny.cascade"), second.bytes.subarray(0, 500));
    await room.scan();
    expect(await room.files()).toEqual({ "tiny.cascade": "arriving" });
    expect(await room.active("tiny")).toEqual(first.identity);
    await room.clock.advance(1_000);
    writeFileSync(room.path("tiny.cascade"), second.bytes);
    await room.scan();
    expect(await room.loaded()).toEqual(["tiny@1.1.0"]);
  });

  test("an editor that moves the old file aside and writes a new one leaves the new one loaded", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    renameSync(room.path("tiny.cascade"), room.path("tiny.cascade~"));
    writeFileSync(room.path("tiny.cascade"), second.bytes);
    rmSync(room.path("tiny.cascade~"));
    await room.scan();
    expect(await room.loaded()).toEqual(["tiny@1.1.0"]);
  });

  test("something broken in its place never replaces a loaded package, also over a restart", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    writeFileSync(room.path("tiny.cascade"), "broken, and long enough to be called so");
    await room.scan();
    expect(await room.files()).toEqual({ "tiny.cascade": expect.stringMatching(/^rejected PACKAGE_/) as string });
    expect(await room.active("tiny")).toEqual(first.identity);
    await room.reconciler.stop();
    await room.boot().start();
    expect(await room.active("tiny")).toEqual(first.identity);
    expect(readdirSync(room.root)).toEqual([first.identity.digest]);
  });

  test("a file that is written to while it is read is not loaded until it rests", async () => {
    const room = createRegistryRoom();
    const { createPackageSource } = await import("../../src/adapters/filesystem/package-source.ts");
    const { silentLogger } = await import("../../src/kernel/logger.ts");
    const source = createPackageSource({
      allowUnsafe: false,
      ownUid: process.getuid!(),
      maxBytes: 1_000_000,
      clock: room.clock,
      logger: silentLogger,
    });
    let isWriting = true;
    const reconciler = room.boot({
      source: {
        ...source,
        read: async (location) => {
          const file = await source.read(location);
          return file && { ...file, changed: isWriting };
        },
      },
    });
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await reconciler.start();
    expect(await room.files()).toEqual({ "tiny.cascade": "arriving" });
    isWriting = false;
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.clock.advance(1_000);
    await reconciler.reconcileOnce();
    expect(await room.files()).toEqual({ "tiny.cascade": "loaded" });
  });

  test("a renamed file goes on as the same package, without being unloaded between", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    renameSync(room.path("tiny.cascade"), room.path("other-name.cascade"));
    await room.scan();
    expect(await room.files()).toEqual({ "other-name.cascade": "loaded" });
    expect(room.events.map(({ name }) => name)).toEqual(["package.loaded"]);
  });

  test("a file that is removed and made again at once is what it is now", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    room.remove("tiny.cascade");
    writeFileSync(room.path("tiny.cascade"), second.bytes);
    await room.scan();
    expect(await room.loaded()).toEqual(["tiny@1.1.0"]);
  });
});

describe("files have to be safe", () => {
  test.runIf(isRoot)("a file of a stranger is refused until it is taken over", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    chownSync(room.path("tiny.cascade"), 4321, 4321);
    await room.scan();
    const [record] = await room.store.packageFiles();
    expect(record?.error).toMatchObject({ code: "WATCH_UNSAFE", hint: expect.stringContaining("chown") as string });
    chownSync(room.path("tiny.cascade"), 0, 0);
    await room.clock.advance(1_000);
    await room.scan();
    expect(await room.files()).toEqual({ "tiny.cascade": "loaded" });
  });

  test.runIf(isRoot)("members of the group that may write to the folder may drop packages", async () => {
    const room = await startedRoom();
    chownSync(room.watched, 0, 4000);
    chmodSync(room.watched, 0o2775);
    writeFileSync(room.path("member.cascade"), first.bytes);
    chownSync(room.path("member.cascade"), 4321, 4000);
    writeFileSync(room.path("stranger.cascade"), second.bytes);
    chownSync(room.path("stranger.cascade"), 4321, 4321);
    await room.scan();
    expect(await room.files()).toEqual({
      "member.cascade": "loaded",
      "stranger.cascade": "rejected WATCH_UNSAFE",
    });
  });

  test.runIf(isRoot)("allow_unsafe takes packages from anyone", async () => {
    const room = await startedRoom({ allowUnsafe: true });
    chmodSync(room.watched, 0o777);
    copyFileSync("/dev/null", room.path("empty.cascade"));
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    chownSync(room.path("tiny.cascade"), 4321, 4321);
    await room.scan();
    expect(await room.files()).toEqual({ "empty.cascade": "arriving", "tiny.cascade": "loaded" });
  });

  test("a folder to which everyone may write gives nothing and loses nothing", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    chmodSync(room.watched, 0o777);
    room.remove("tiny.cascade");
    writeFileSync(room.path("other.cascade"), second.bytes);
    await room.scan();
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
    expect(room.reconciler.status().folders[0]).toMatchObject({ ok: false, error: { code: "WATCH_UNSAFE" } });
    chmodSync(room.watched, 0o755);
    await room.scan();
    expect(await room.loaded()).toEqual(["tiny@1.1.0"]);
  });

  test.runIf(isRoot)("an unreadable file is rejected with its owner, its mode and the chmod line", async () => {
    const room = await startedRoom();
    chmodSync(room.base, 0o755);
    writeFileSync(room.path("tiny.cascade"), first.bytes, { mode: 0o600 });
    chownSync(room.watched, 0, 0);
    process.seteuid!(4321);
    try {
      const { readPackageFile } = await import("../../src/adapters/filesystem/read-package-file.ts");
      const reading = readPackageFile(
        { folder: room.watched, name: "tiny.cascade" },
        { allowUnsafe: false, ownUid: 4321, maxBytes: 1_000_000 },
      );
      await expect(reading).rejects.toMatchObject({
        code: "PACKAGE_UNREADABLE",
        message: expect.stringContaining("owner 0:0, mode 0600") as string,
        hint: expect.stringContaining(`chmod a+r '${room.path("tiny.cascade")}'`) as string,
      });
    } finally {
      process.seteuid!(0);
    }
  });
});
