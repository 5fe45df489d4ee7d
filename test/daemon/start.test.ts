import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { dataFolder, spawnDaemon, startDaemon } from "../support/daemon-process.ts";
import { eventually } from "../support/eventually.ts";
import { lifePackages } from "../support/life-packages.ts";
import { lifeRoom } from "../support/life-room.ts";
import { sqliteProgram } from "../support/sqlite-program.ts";

const files = lifePackages();
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe("a start", () => {
  it("closes everything it makes to others and says in daemon.json who it is", async () => {
    const data = dataFolder();
    const daemon = await startDaemon({ data });
    const socket = join(data, "cascade.sock");
    expect(mode(socket)).toBe("600");
    expect(mode(data)).toBe("700");
    const modes = readdirSync(data).map((name) => `${name} ${mode(join(data, name))}`);
    expect(modes.filter((line) => !/ [0-7]00$/.test(line))).toEqual([]);
    expect(JSON.parse(readFileSync(join(data, "daemon.json"), "utf8"))).toMatchObject({ pid: daemon.pid, socket });
    await daemon.stop();
    for (const name of ["daemon.json", "cascade.sock"]) expect(existsSync(join(data, name))).toBe(false);
  });

  it("with a lock that another daemon holds ends with 75 and leaves that one alone", async () => {
    const data = dataFolder();
    const first = await startDaemon({ data });
    const second = spawnDaemon({ data });
    expect(await second.ended).toEqual({ code: 75, signal: null });
    expect(second.stderr()).toContain("another daemon holds");
    expect((await first.client.status()).pid).toBe(first.pid);
    await first.stop();
  });

  it("after a SIGKILL takes the lock and the place of the socket that was left", async () => {
    const data = dataFolder();
    await (await startDaemon({ data })).kill();
    expect(existsSync(join(data, "cascade.sock"))).toBe(true);
    const next = await startDaemon({ data });
    expect((await next.client.status()).pid).toBe(next.pid);
    await next.stop();
  });

  it("does not remove a file in the socket's place that is no socket", async () => {
    const data = dataFolder();
    writeFileSync(join(data, "cascade.sock"), "mine");
    const daemon = spawnDaemon({ data });
    expect(await daemon.ended).toEqual({ code: 73, signal: null });
    expect(readFileSync(join(data, "cascade.sock"), "utf8")).toBe("mine");
  });

  it("with a data folder that cannot be made ends with 73 and says which", async () => {
    const data = dataFolder();
    writeFileSync(join(data, "file"), "");
    const daemon = spawnDaemon({ data: join(data, "file/data"), environment: { HOME: data } });
    expect(await daemon.ended).toEqual({ code: 73, signal: null });
    expect(daemon.stderr()).toContain(join(data, "file/data"));
  });

  it("with a configuration that has mistakes ends with 78 and names them", async () => {
    const room = lifeRoom([], 'concurency = 2\nscan_interval = "soon"');
    const daemon = room.spawn();
    expect(await daemon.ended).toEqual({ code: 78, signal: null });
    expect(daemon.stderr()).toMatch(/concurency/);
    expect(daemon.stderr()).toMatch(/concurrency/);
  });

  it("sweeps what a killed life left half written", async () => {
    const data = dataFolder();
    await (await startDaemon({ data })).kill();
    mkdirSync(join(data, "artifacts"), { recursive: true });
    const left = ["store/.staging-1-1", `artifacts/.${"0".repeat(64)}.1`].map((path) => join(data, path));
    for (const path of left) writeFileSync(path, "half");
    const daemon = await startDaemon({ data });
    expect(left.filter((path) => existsSync(path))).toEqual([]);
    await daemon.stop();
  });
});

describe("a data folder that this version may not touch", () => {
  const untouched = async (change: (db: Database.Database) => void, code: string) => {
    const data = dataFolder();
    await (await startDaemon({ data })).stop();
    const file = join(data, "cascade.db");
    const db = new Database(file);
    change(db);
    db.close();
    const before = readFileSync(file);
    const daemon = spawnDaemon({ data });
    expect(await daemon.ended).toEqual({ code: 78, signal: null });
    expect(daemon.stderr()).toContain(code);
    expect(readFileSync(file).equals(before)).toBe(true);
  };

  it("because its schema is newer is refused with 78 and stays as it is", () =>
    untouched((db) => db.pragma("user_version = 999"), "DATA_NEWER"));

  it("because the database is another program's is refused with 78 and stays as it is", () =>
    untouched((db) => db.pragma("application_id = 7"), "DATA_FOREIGN"));
});

describe("the socket of a data folder with a long path", () => {
  const deep = () => {
    const data = join(dataFolder(), "a".repeat(60), "b".repeat(60));
    mkdirSync(data, { recursive: true });
    return data;
  };

  it("is in the user's runtime folder, closed to others", async () => {
    const data = deep();
    const runtime = dataFolder();
    const environment = { XDG_RUNTIME_DIR: runtime };
    const probe = spawnDaemon({ data, environment });
    const socket = await eventually(
      () => (JSON.parse(readFileSync(join(data, "daemon.json"), "utf8")) as { socket: string }).socket,
    );
    expect(socket).toMatch(new RegExp(`^${runtime}/cascade/[0-9a-f]{16}\\.sock$`));
    expect(mode(socket)).toBe("600");
    expect(mode(join(runtime, "cascade"))).toBe("700");
    await probe.kill();
    const daemon = await startDaemon({ data, environment, socket });
    expect((await daemon.client.status()).dataDir).toBe(data);
    await daemon.stop();
  });

  it("is refused with 78 where there is no such folder", async () => {
    const daemon = spawnDaemon({ data: deep() });
    expect(await daemon.ended).toEqual({ code: 78, signal: null });
    expect(daemon.stderr()).toContain("SOCKET_PATH_TOO_LONG");
  });
});

describe("a damaged database", () => {
  /** Overwrites the pages after the first few, where tables and indexes are. */
  function damage(file: string): void {
    const fd = openSync(file, "r+");
    const { size } = statSync(file);
    for (let offset = 4 * 4096; offset < size; offset += 4096)
      writeSync(fd, Buffer.alloc(2048, 0xa5), 0, 2048, offset + 512);
    closeSync(fd);
  }

  it("ends the daemon with 74, at once or after the check that follows an unclean end", async () => {
    const room = lifeRoom([files.life]);
    const first = await room.start();
    await room.end(first, await room.begin(first, "quick"));
    await first.stop();
    damage(join(room.data, "cascade.db"));
    const daemon = room.spawn();
    expect(await daemon.ended).toEqual({ code: 74, signal: null });
    expect(daemon.stderr()).toContain("STORE_CORRUPT");
  });

  it("that is found only by the check beside the running daemon ends it with 74", async () => {
    const room = lifeRoom([files.life]);
    const first = await room.start();
    await room.end(first, await room.begin(first, "quick"));
    await first.stop();
    // An entry of an index that its table does not have: no query of a start meets it.
    const db = new Database(join(room.data, "cascade.db"));
    db.unsafeMode(true);
    db.pragma("writable_schema = ON");
    db.exec("UPDATE lives SET ended_at = NULL");
    db.exec("UPDATE sqlite_schema SET sql = replace(sql, '(state, id)', '(id, state)') WHERE name = 'runs_by_state'");
    db.close();
    expect(
      spawnSync("sqlite3", [join(room.data, "cascade.db"), "PRAGMA integrity_check"], { encoding: "utf8" }).stdout,
    ).not.toBe("ok\n");
    const daemon = room.spawn();
    expect(await daemon.ended).toEqual({ code: 74, signal: null });
    expect(daemon.stderr()).toContain("STORE_CORRUPT");
    expect(room.logged("daemon.fatal")).toHaveLength(1);
  });
});

describe("a database cut to nothing, or gone, beside the folders that it told of", () => {
  it.each([
    ["cut to nothing", (file: string) => truncateSync(file, 0)],
    ["gone", (file: string) => rmSync(file)],
  ])("is refused with 74 and the way back, and nothing is begun anew (%s)", async (_, spoil) => {
    const room = lifeRoom([files.life]);
    const first = await room.start();
    await room.end(first, await room.begin(first, "quick"));
    await first.stop();
    const file = join(room.data, "cascade.db");
    spoil(file);
    for (let time = 0; time < 2; time++) {
      const daemon = room.spawn();
      expect(await daemon.ended).toEqual({ code: 74, signal: null });
      expect(daemon.stderr()).toContain("STORE_CORRUPT");
      expect(daemon.stderr()).toContain(`restore the newest backup of the whole folder ${room.data}`);
      expect(daemon.stderr()).not.toMatch(/move .* away|delete|remove/i);
    }
    expect(existsSync(file) ? statSync(file).size : 0).toBe(0);
  });
});

describe("a damage that only a question meets", () => {
  it("ends the running daemon with 74, whoever asked", async () => {
    const room = lifeRoom([files.life]);
    const daemon = await room.start();
    const run = await room.begin(daemon, "quick");
    await room.end(daemon, run);
    const db = new Database(join(room.data, "cascade.db"));
    db.prepare("UPDATE runs SET trigger = '{' WHERE id = ?").run(run);
    db.close();
    await expect(daemon.client.run(run)).rejects.toBeDefined();
    expect(await daemon.ended).toEqual({ code: 74, signal: null });
    expect(room.logged("daemon.fatal")[0]).toMatchObject({ err: { code: "STORE_CORRUPT" } });
  });
});

describe("what a life leaves behind", () => {
  it("is a log of JSON lines in the rotated file, and audit facts in the database", async () => {
    const room = lifeRoom([files.life]);
    const daemon = await room.start();
    const run = await room.begin(daemon, "quick");
    await room.end(daemon, run);
    await daemon.client.pauseWorkflow("life/quick");
    await daemon.stop();

    expect(readdirSync(join(room.data, "logs"))).toEqual([expect.stringMatching(/^cascade\.\d{4}-\d\d-\d\d\.1\.log$/)]);
    for (const event of ["daemon.ready", "package.loaded", "run.ended", "daemon.draining", "daemon.stopped"]) {
      expect(room.logged(event), event).toEqual([
        expect.objectContaining({ level: expect.anything(), time: expect.anything(), msg: expect.any(String), event }),
      ]);
    }
    expect(room.logged("run.ended")[0]).toMatchObject({ runId: run, workflow: "life/quick", package: "life" });
    const names = sqliteProgram<{ name: string }>(join(room.data, "cascade.db"), "SELECT name FROM audit ORDER BY id");
    expect(names.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["daemon.started", "package.loaded", "workflow.paused", "daemon.stopping"]),
    );
  });
});
