import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readDaemonFile, removeDaemonFile, writeDaemonFile } from "../../../src/daemon/daemon-file.ts";
import {
  dataFolderAt,
  dataFolderOfCommand,
  dataFolderOfDaemon,
  prepareDataFolder,
  socketPathOf,
  type Where,
} from "../../../src/daemon/data-folder.ts";
import { configFilePath } from "../../../src/daemon/config-file.ts";

function where(environment: Record<string, string> = {}, flag?: string): Where {
  return { flag, environment, workingDir: "/here", home: "/home/ann" };
}

describe("the data folder", () => {
  test("of a daemon is the flag's, the variable's, systemd's, or the user's", () => {
    const environment = { CASCADE_DATA: "d", STATE_DIRECTORY: "/var/lib/cascade:/x", XDG_STATE_HOME: "/state" };
    expect(dataFolderOfDaemon(where(environment, "e")).root).toBe("/here/e");
    expect(dataFolderOfDaemon(where(environment)).root).toBe("/here/d");
    expect(dataFolderOfDaemon(where({ ...environment, CASCADE_DATA: "" })).root).toBe("/var/lib/cascade");
    expect(dataFolderOfDaemon(where({ XDG_STATE_HOME: "/state" }))).toEqual({ root: "/state/cascade", reason: "user" });
    expect(dataFolderOfDaemon(where()).root).toBe("/home/ann/.local/state/cascade");
  });

  test("of a command is the user's if a daemon worked there, else the system's if one worked there", () => {
    const user = "/home/ann/.local/state/cascade";
    const choose = (...holding: string[]) => dataFolderOfCommand(where(), (root) => holding.includes(root));
    expect(choose(user, "/var/lib/cascade")).toEqual({ root: user, reason: "user" });
    expect(choose("/var/lib/cascade")).toEqual({ root: "/var/lib/cascade", reason: "system" });
    expect(choose()).toEqual({ root: user, reason: "user" });
    expect(dataFolderOfCommand(where({ CASCADE_DATA: "/d" }), () => true).reason).toBe("CASCADE_DATA");
  });
});

describe("the configuration file", () => {
  test("is the flag's, systemd's or the user's, and only the flag's has to exist", () => {
    const around = (environment: Record<string, string>) => ({ environment, workingDir: "/here", home: "/home/ann" });
    expect(configFilePath("c.toml", around({}))).toEqual({ path: "/here/c.toml", required: true });
    expect(
      configFilePath(undefined, around({ CONFIGURATION_DIRECTORY: "/etc/cascade", XDG_CONFIG_HOME: "/x" })),
    ).toEqual({
      path: "/etc/cascade/cascade.toml",
      required: false,
    });
    expect(configFilePath(undefined, around({ XDG_CONFIG_HOME: "/x" })).path).toBe("/x/cascade/cascade.toml");
    expect(configFilePath(undefined, around({})).path).toBe("/home/ann/.config/cascade/cascade.toml");
  });
});

describe("the socket", () => {
  const ofLength = (bytes: number) => `/${"d".repeat(bytes - 1 - "/cascade.sock".length)}`;

  test("lies in the data folder up to 100 bytes of path, counted in bytes", () => {
    expect(socketPathOf(ofLength(100), {})).toBe(`${ofLength(100)}/cascade.sock`);
    expect(() => socketPathOf(ofLength(101), {})).toThrow(expect.objectContaining({ code: "SOCKET_PATH_TOO_LONG" }));
    expect(() => socketPathOf(`/${"ü".repeat(50)}`, {})).toThrow();
  });

  test("moves to a runtime folder when its path is too long, with one name per data folder", () => {
    const user = { XDG_RUNTIME_DIR: "/run/user/1000" };
    expect(socketPathOf(ofLength(101), { RUNTIME_DIRECTORY: "/run/cascade", ...user })).toBe(
      "/run/cascade/cascade.sock",
    );
    const moved = socketPathOf(ofLength(101), user);
    expect(moved).toMatch(/^\/run\/user\/1000\/cascade\/[0-9a-f]{16}\.sock$/);
    expect(socketPathOf(ofLength(102), user)).not.toBe(moved);
  });

  test("is refused when the runtime folder's path is too long as well", () => {
    const environment = { XDG_RUNTIME_DIR: ofLength(90) };
    expect(() => socketPathOf(ofLength(101), environment)).toThrow(/over 100 bytes/);
  });
});

describe("on disk", () => {
  let base: string;
  beforeEach(() => (base = mkdtempSync(join(tmpdir(), "cascade-data-"))));
  afterEach(() => rmSync(base, { recursive: true, force: true }));
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

  test("a new data folder and all in it are closed to others, whatever the umask", () => {
    const before = process.umask(0);
    try {
      const data = dataFolderAt(join(base, "a", "b"));
      prepareDataFolder(data, join(base, "run", "x.sock"));
      for (const folder of [data.root, data.packages, data.store, data.keys, join(base, "run")]) {
        expect(mode(folder), folder).toBe("700");
      }
    } finally {
      process.umask(before);
    }
  });

  test("an existing folder with only a daemon's data in it is closed, and preparing again changes nothing", () => {
    const data = dataFolderAt(join(base, "d"));
    mkdirSync(data.packages, { recursive: true });
    writeFileSync(join(data.root, "cascade.db-wal"), "");
    chmodSync(data.root, 0o775);
    prepareDataFolder(data, join(data.root, "cascade.sock"));
    prepareDataFolder(data, join(data.root, "cascade.sock"));
    expect(mode(data.root)).toBe("700");
  });

  test("a folder with other things in it keeps its mode, and is refused when others may write to it", () => {
    const data = dataFolderAt(join(base, "d"));
    mkdirSync(data.root);
    writeFileSync(join(data.root, "thesis.txt"), "");
    chmodSync(data.root, 0o755);
    prepareDataFolder(data, join(data.root, "cascade.sock"));
    expect(mode(data.root)).toBe("755");
    chmodSync(data.root, 0o777);
    expect(() => prepareDataFolder(data, join(data.root, "cascade.sock"))).toThrow(
      expect.objectContaining({ code: "PERMISSION", hint: expect.stringContaining("chmod go-w") }),
    );
  });

  test("a file in the way is CANNOT_CREATE", () => {
    writeFileSync(join(base, "d"), "");
    expect(() => prepareDataFolder(dataFolderAt(join(base, "d")), join(base, "s"))).toThrow(
      expect.objectContaining({ code: "CANNOT_CREATE" }),
    );
  });

  test("daemon.json is read back as written, and whatever else is in its place is nothing", () => {
    const path = join(base, "daemon.json");
    expect(readDaemonFile(path)).toBeUndefined();
    const former = { pid: 12, bootId: "b", socket: "/s", startedAt: "2026-01-01T00:00:00.000Z", version: "1.0.0" };
    const daemon = { ...former, config: "/etc/cascade/cascade.toml", trust: null };
    writeDaemonFile(path, daemon);
    expect(readDaemonFile(path)).toEqual(daemon);
    expect(mode(path)).toBe("600");
    for (const text of ["", "[]", "null", '{"pid":1}', JSON.stringify({ ...daemon, pid: -1 })]) {
      writeFileSync(path, text);
      expect(readDaemonFile(path), text).toBeUndefined();
    }
    writeFileSync(path, JSON.stringify(former));
    expect(readDaemonFile(path)).toEqual({ ...former, config: null, trust: null });
    removeDaemonFile(path);
    removeDaemonFile(path);
  });
});
