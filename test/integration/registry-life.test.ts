import { existsSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createCodeStore } from "../../src/adapters/filesystem/code-store.ts";
import { createCalendar } from "../../src/adapters/time/calendar.ts";
import { CascadeError } from "../../src/kernel/errors.ts";
import { createRegistryRoom } from "../support/registry-room.ts";
import { tinyPackage } from "../support/tiny-package.ts";

const first = tinyPackage({ version: "1.0.0" });
const rival = tinyPackage({ version: "1.0.0", body: "other content" });
const second = tinyPackage({ version: "1.1.0" });

async function startedRoom() {
  const room = createRegistryRoom();
  const reconciler = room.boot();
  await reconciler.start();
  return { ...room, reconciler, scan: () => reconciler.reconcileOnce() };
}

describe("versions and conflicts", () => {
  test("of several versions the highest serves, and removing it makes the next lower one active", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("b.cascade"), second.bytes);
    writeFileSync(room.path("a.cascade"), first.bytes);
    await room.scan();
    expect(await room.loaded()).toEqual(["tiny@1.0.0", "tiny@1.1.0"]);
    expect(await room.active("tiny")).toEqual(second.identity);
    room.remove("b.cascade");
    await room.scan();
    expect(await room.active("tiny")).toEqual(first.identity);
    room.remove("a.cascade");
    await room.scan();
    expect(await room.active("tiny")).toBeUndefined();
    expect(room.served.at(-1)).toEqual({ name: "tiny", active: null, workflows: [], schedules: [] });
  });

  test("the loaded one of two files with one name and version stays, and the other is loaded when it leaves", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("new.cascade"), first.bytes);
    await room.scan();
    writeFileSync(room.path("old.cascade"), rival.bytes);
    utimesSync(room.path("old.cascade"), 1, 1);
    await room.scan();
    const record = await room.store.packageFile({ folder: room.watched, name: "old.cascade" });
    expect(record?.error).toMatchObject({ code: "PACKAGE_CONFLICT" });
    for (const name of ["new.cascade", "old.cascade"]) expect(record?.error?.message).toContain(room.path(name));
    expect(await room.active("tiny")).toEqual(first.identity);
    room.remove("new.cascade");
    await room.scan();
    expect(await room.files()).toEqual({ "old.cascade": "loaded" });
    expect(await room.active("tiny")).toEqual(rival.identity);
  });

  test("at the first start the older file wins, and after a restart the one recorded as loaded", async () => {
    const room = createRegistryRoom();
    writeFileSync(room.path("a.cascade"), rival.bytes);
    writeFileSync(room.path("b.cascade"), first.bytes);
    utimesSync(room.path("b.cascade"), 1, 1);
    const before = room.boot();
    await before.start();
    expect(await room.active("tiny")).toEqual(first.identity);
    await before.stop();
    utimesSync(room.path("b.cascade"), 2_000_000_000, 2_000_000_000);
    await room.boot().start();
    expect(await room.active("tiny")).toEqual(first.identity);
    expect(await room.files()).toEqual({ "a.cascade": "rejected PACKAGE_CONFLICT", "b.cascade": "loaded" });
  });

  test("overwriting a file in place replaces its package even when the version stays", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    writeFileSync(room.path("tiny.cascade"), rival.bytes);
    await room.scan();
    expect(await room.active("tiny")).toEqual(rival.identity);
  });

  test("two files with the same content are one package until both have left", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("a.cascade"), first.bytes);
    writeFileSync(room.path("b.cascade"), first.bytes);
    await room.scan();
    expect(await room.files()).toEqual({ "a.cascade": "loaded", "b.cascade": "loaded" });
    room.remove("a.cascade");
    await room.scan();
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
    room.remove("b.cascade");
    await room.scan();
    expect(room.events.map(({ name }) => name)).toEqual(["package.loaded", "package.unloaded"]);
  });
});

describe("folders", () => {
  test("a folder that has gone unloads nothing, status says why, and its return is noticed", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    renameSync(room.watched, `${room.watched}-away`);
    await room.scan();
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
    expect(room.reconciler.status().folders[0]).toMatchObject({ ok: false, error: { code: "WATCH_UNREADABLE" } });
    renameSync(`${room.watched}-away`, room.watched);
    await room.scan();
    expect(room.reconciler.status().folders[0]).toMatchObject({ ok: true, error: null, files: 1 });
    expect(room.events.map(({ name }) => name)).toEqual(["package.loaded"]);
  });

  test("a folder that is removed and made anew counts with what lies in it", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    rmSync(room.watched, { recursive: true });
    mkdirSync(room.watched);
    await room.scan();
    expect(await room.loaded()).toEqual([]);
  });

  test("a folder taken out of the configuration unloads its packages, a new one brings its own", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    const other = join(room.base, "other");
    mkdirSync(other);
    writeFileSync(join(other, "more.cascade"), tinyPackage({ name: "more" }).bytes);
    await room.reconciler.setFolders([other]);
    expect(await room.loaded()).toEqual(["more@1.0.0"]);
    expect(room.reconciler.status().folders.map(({ dir }) => dir)).toEqual([other]);
  });
});

describe("restarts", () => {
  test("what has not changed is neither read nor written again", async () => {
    const room = createRegistryRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    const before = room.boot();
    await before.start();
    await before.stop();
    const refuse = () => Promise.reject(new Error("nothing is to be done"));
    await room.boot({ archive: { read: refuse, inspect: refuse, check: refuse }, writer: { submit: refuse } }).start();
    expect(await room.active("tiny")).toEqual(first.identity);
  });

  test("code that has no package row is swept, and so is staging", async () => {
    const room = createRegistryRoom();
    mkdirSync(join(room.root, "a".repeat(64)));
    mkdirSync(join(room.root, ".staging-99-1"));
    await room.boot().start();
    expect(existsSync(join(room.root, "a".repeat(64)))).toBe(false);
    expect(existsSync(join(room.root, ".staging-99-1"))).toBe(false);
  });

  test("a package whose code has been lost is unpacked again from its file", async () => {
    const room = createRegistryRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    const before = room.boot();
    await before.start();
    await before.stop();
    rmSync(join(room.root, first.identity.digest), { recursive: true });
    await room.boot().start();
    expect(existsSync(join(room.root, first.identity.digest, "bundle.mjs"))).toBe(true);
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
  });

  test("what was removed while the daemon was down is unloaded", async () => {
    const room = createRegistryRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    const before = room.boot();
    await before.start();
    await before.stop();
    room.remove("tiny.cascade");
    await room.boot().start();
    expect(await room.loaded()).toEqual([]);
    expect(await room.files()).toEqual({});
  });

  test("another time zone in the configuration reaches schedules that name none", async () => {
    const room = createRegistryRoom();
    writeFileSync(
      room.path("tiny.cascade"),
      tinyPackage({ schedules: [{ cron: "0 3 * * *", name: "nightly" }] }).bytes,
    );
    const before = room.boot();
    await before.start();
    await before.stop();
    await room.boot({}, { timezone: "Asia/Tokyo" }).start();
    expect(await room.store.schedules()).toMatchObject([
      { timezone: "Asia/Tokyo", nextAt: Date.UTC(2026, 0, 1, 18, 0) },
    ]);
  });
});

describe("schedules", () => {
  const nightly = { name: "nightly", cron: "0 3 * * *", timezone: "UTC" };
  const audit = { at: 0, name: "schedule.paused", subject: null, data: null };

  test("they are stored with their next instant, and go on over a new version", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), tinyPackage({ schedules: [nightly] }).bytes);
    await room.scan();
    const [schedule] = await room.store.schedules();
    expect(schedule).toMatchObject({ id: "tiny/flow/nightly", state: "active", nextAt: Date.UTC(2026, 0, 1, 3) });
    await room.clock.advance(86_400_000);
    writeFileSync(room.path("tiny.cascade"), tinyPackage({ version: "1.1.0", schedules: [nightly] }).bytes);
    await room.scan();
    expect(await room.store.schedules()).toMatchObject([{ state: "active", nextAt: Date.UTC(2026, 0, 1, 3) }]);
    await room.store.commit([
      { type: "set_schedule_state", schedule: schedule!.id, state: "paused", nextAt: null, audit },
    ]);
    writeFileSync(room.path("tiny.cascade"), tinyPackage({ version: "1.2.0", schedules: [nightly] }).bytes);
    await room.scan();
    expect(await room.store.schedules()).toMatchObject([{ state: "paused", nextAt: null }]);
  });

  test("a changed expression, and a return after an absence, count from the load", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), tinyPackage({ schedules: [nightly] }).bytes);
    await room.scan();
    await room.clock.advance(86_400_000);
    writeFileSync(
      room.path("tiny.cascade"),
      tinyPackage({ version: "1.1.0", schedules: [{ ...nightly, cron: "0 4 * * *" }] }).bytes,
    );
    await room.scan();
    expect(await room.store.schedules()).toMatchObject([{ cron: "0 4 * * *", nextAt: Date.UTC(2026, 0, 2, 4) }]);
    room.remove("tiny.cascade");
    await room.scan();
    expect(await room.store.schedules()).toMatchObject([{ present: false }]);
    await room.clock.advance(2 * 86_400_000);
    writeFileSync(
      room.path("tiny.cascade"),
      tinyPackage({ version: "1.1.0", schedules: [{ ...nightly, cron: "0 4 * * *" }] }).bytes,
    );
    await room.scan();
    expect(await room.store.schedules()).toMatchObject([{ present: true, nextAt: Date.UTC(2026, 0, 4, 4) }]);
  });
});

test("a rule that can no longer be computed neither stops the start nor other packages", async () => {
  const room = createRegistryRoom();
  const schedules = [{ name: "s", cron: "0 3 * * *", timezone: "Europe/Berlin" }];
  writeFileSync(room.path("a.cascade"), tinyPackage({ schedules }).bytes);
  writeFileSync(room.path("b.cascade"), tinyPackage({ version: "1.1.0", schedules }).bytes);
  const before = room.boot();
  await before.start();
  await before.stop();
  room.remove("b.cascade");
  writeFileSync(room.path("c.cascade"), tinyPackage({ name: "more" }).bytes);
  const calendar = createCalendar();
  const next = () => {
    throw new CascadeError("TIMEZONE_UNKNOWN", "Europe/Berlin is unknown here");
  };
  await room.boot({ calendar: { ...calendar, next } }).start();
  expect(await room.loaded()).toEqual(["more@1.0.0", "tiny@1.0.0"]);
  writeFileSync(room.path("d.cascade"), tinyPackage({ name: "zoned", schedules }).bytes);
  await room.boot({ calendar: { ...calendar, next } }).start();
  expect(await room.files()).toMatchObject({ "d.cascade": "rejected TIMEZONE_UNKNOWN" });
});

describe("removing and collecting", () => {
  test("removing a package deletes its files in all watched folders and unloads it", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("a.cascade"), first.bytes);
    writeFileSync(room.path("b.cascade"), second.bytes);
    writeFileSync(room.path("c.cascade"), tinyPackage({ name: "more" }).bytes);
    await room.scan();
    const report = await room.reconciler.removePackage("tiny", "1.1.0");
    expect(report).toEqual({ removed: [{ folder: room.watched, name: "b.cascade" }], refused: [] });
    expect(await room.loaded()).toEqual(["more@1.0.0", "tiny@1.0.0"]);
    await room.reconciler.removePackage("tiny");
    expect(await room.loaded()).toEqual(["more@1.0.0"]);
    await expect(room.reconciler.removePackage("tiny")).rejects.toMatchObject({ code: "PACKAGE_UNKNOWN" });
  });

  test("a file in a folder that cannot be listed is not called deleted", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    renameSync(room.watched, `${room.watched}-away`);
    await room.scan();
    const report = await room.reconciler.removePackage("tiny");
    expect(report).toMatchObject({ removed: [], refused: [{ error: { code: "WATCH_UNREADABLE" } }] });
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
  });

  test("the code of an unloaded package stays until it is collected, and comes back with its file", async () => {
    const room = await startedRoom();
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    room.remove("tiny.cascade");
    await room.scan();
    const code = join(room.root, first.identity.digest);
    expect(await room.reconciler.collect(room.clock.now())).toBe(0);
    expect(existsSync(code)).toBe(true);
    expect(await room.reconciler.collect(room.clock.now() + 1)).toBe(1);
    expect(existsSync(code)).toBe(false);
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await room.scan();
    expect(existsSync(code)).toBe(true);
    expect(await room.reconciler.collect(room.clock.now() + 1)).toBe(0);
  });
});

describe("trouble", () => {
  test("a package that cannot be unpacked now holds up no other, and is loaded when it can be", async () => {
    const room = createRegistryRoom();
    let isFull = true;
    const codeStore = createCodeStore({ root: room.root, pid: process.pid, crashPoint: () => undefined });
    const reconciler = room.boot({
      codeStore: {
        ...codeStore,
        put: (content) =>
          isFull && content.manifest.name === "tiny" ? Promise.reject(new Error("no space")) : codeStore.put(content),
      },
    });
    writeFileSync(room.path("a.cascade"), first.bytes);
    writeFileSync(room.path("b.cascade"), tinyPackage({ name: "more" }).bytes);
    await reconciler.start();
    expect(await room.loaded()).toEqual(["more@1.0.0"]);
    isFull = false;
    await reconciler.reconcileOnce();
    expect(await room.loaded()).toEqual(["more@1.0.0", "tiny@1.0.0"]);
  });

  test("a package that the store refuses is rejected, and its neighbours are loaded", async () => {
    const room = createRegistryRoom();
    const reconciler = room.boot({
      writer: {
        submit: async (change) =>
          change.type === "registry" && change.change.packages.some(({ identity }) => identity.name === "tiny")
            ? { ok: false, refusal: "invalid", message: "it does not fit" }
            : (await room.store.commit([change]))[0]!,
      },
    });
    writeFileSync(room.path("a.cascade"), first.bytes);
    writeFileSync(room.path("b.cascade"), tinyPackage({ name: "more" }).bytes);
    await reconciler.start();
    expect(await room.loaded()).toEqual(["more@1.0.0"]);
    expect(await room.files()).toEqual({ "a.cascade": "rejected PACKAGE_INVALID", "b.cascade": "loaded" });
  });

  test("a disk that fails to read is tried again with the next scan", async () => {
    const room = createRegistryRoom();
    const { createPackageSource } = await import("../../src/adapters/filesystem/package-source.ts");
    const { silentLogger } = await import("../../src/kernel/logger.ts");
    const { clock } = room;
    const source = createPackageSource({
      allowUnsafe: false,
      ownUid: process.getuid!(),
      maxBytes: 1_000_000,
      clock,
      logger: silentLogger,
    });
    let isFailing = true;
    const reconciler = room.boot({
      source: {
        ...source,
        read: (location) => (isFailing ? Promise.reject(new CascadeError("IO_FAILED", "EIO")) : source.read(location)),
      },
    });
    writeFileSync(room.path("tiny.cascade"), first.bytes);
    await reconciler.start();
    expect(await room.files()).toEqual({});
    isFailing = false;
    await reconciler.reconcileOnce();
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
  });

  test("a thousand packages dropped at once are loaded in few writes", { timeout: 60_000 }, async () => {
    const room = createRegistryRoom();
    for (let index = 0; index < 1_000; index++) {
      writeFileSync(room.path(`p${index}.cascade`), tinyPackage({ name: `p${index}` }).bytes);
    }
    let writes = 0;
    const reconciler = room.boot({
      writer: {
        submit: async (change) => {
          writes++;
          return (await room.store.commit([change]))[0]!;
        },
      },
    });
    await reconciler.start();
    expect(reconciler.status()).toMatchObject({ loaded: 1_000, rejected: 0 });
    expect(writes).toBeLessThan(20);
  });
});
