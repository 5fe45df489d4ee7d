import { chmodSync, cpSync, existsSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { type Check, examine } from "../../src/daemon/doctor.ts";
import { CascadeError } from "../../src/kernel/errors.ts";
import { dataFolder } from "../support/daemon-process.ts";
import { eventually } from "../support/eventually.ts";
import { lifePackages } from "../support/life-packages.ts";
import { lifeRoom } from "../support/life-room.ts";

const files = lifePackages();

/** What doctor finds on a data folder without a daemon. */
async function failuresOf(root: string): Promise<Check[]> {
  const checks = await examine({
    environment: { PATH: process.env["PATH"], TZ: "UTC" },
    workingDir: root,
    home: root,
    uid: process.getuid!(),
    nodeVersion: process.versions.node,
    now: Date.now(),
    root,
    socket: join(root, "cascade.sock"),
    status: null,
    unreachable: new CascadeError("DAEMON_UNREACHABLE", "nobody listens"),
    rejected: [],
  });
  return checks.filter(({ verdict }) => verdict === "fail");
}

describe("doctor", () => {
  it("finds what a start would refuse for, each with its fix, and changes nothing", async () => {
    const room = lifeRoom([files.life]);
    const daemon = await room.start();
    await room.end(daemon, await room.begin(daemon, "quick"));
    await daemon.stop();
    expect(await failuresOf(room.data)).toEqual([]);

    const spoils: readonly [string, (data: string) => void, RegExp][] = [
      [
        "a database cut to nothing",
        (data) => truncateSync(join(data, "cascade.db"), 0),
        /database.*STORE_CORRUPT.*restore/,
      ],
      ["a database that is gone", (data) => rmSync(join(data, "cascade.db")), /database.*STORE_CORRUPT.*restore/],
      ["a damaged page", (data) => cutAt(join(data, "cascade.db"), 5 * 4096), /database.*STORE_CORRUPT.*restore/],
      ["a newer schema", (data) => edit(data, "PRAGMA user_version = 999"), /database.*DATA_NEWER/],
      [
        "a key that others may use",
        (data) => chmodSync(join(data, "keys/proof.pem"), 0o644),
        /keys.*KEY_UNREADABLE.*chmod 0600/,
      ],
      ["a lost key", (data) => rmSync(join(data, "keys/proof.pem")), /keys.*KEY_UNREADABLE.*Restore proof.pem/],
      [
        "a folder that is closed to the daemon",
        (data) => chmodSync(join(data, "proofs"), 0o500),
        /folders.*PERMISSION.*proofs.*chmod u\+rwx/,
      ],
    ];
    for (const [what, spoil, expected] of spoils) {
      const copy = join(dataFolder(), "copy");
      cpSync(room.data, copy, { recursive: true });
      spoil(copy);
      const told = (await failuresOf(copy)).map(({ name, message, fix }) => `${name}: ${message} ${fix}`);
      expect(told.join("\n"), what).toMatch(expected);
      if (what.endsWith("gone")) expect(existsSync(join(copy, "cascade.db"))).toBe(false);
      chmodSync(join(copy, "proofs"), 0o700);
    }
  });
});

describe("a data folder whose inner folders are not the daemon's to use", () => {
  it.each(["proofs", "store", "logs"])("is refused, and folder and right are named (%s)", async (name) => {
    const room = lifeRoom([]);
    await (await room.start()).stop();
    const folder = join(room.data, name);
    chmodSync(folder, 0o500);
    const daemon = room.spawn();
    expect(await daemon.ended).toEqual({ code: 77, signal: null });
    expect(daemon.stderr()).toContain(folder);
    expect(daemon.stderr()).toContain("chmod u+rwx");
    chmodSync(folder, 0o700);
  });
});

describe("the daemon's configuration and policy", () => {
  it("are named in daemon.json, and commands use them", async () => {
    const room = lifeRoom([]);
    const policy = join(dirname(room.config), "policy.toml");
    writeFileSync(policy, "[revoked]\nkeys = []\n", { mode: 0o600 });
    room.configure(`trust = "${policy}"\n`);
    const daemon = await room.start();
    const { readDaemonFile } = await import("../../src/daemon/daemon-file.ts");
    const said = await eventually(() => readDaemonFile(join(room.data, "daemon.json")) ?? false);
    expect(said).toMatchObject({ config: room.config, trust: policy });
    const { revoke } = await import("../../src/daemon/key-care.ts");
    const around = { environment: {}, workingDir: room.data, home: room.data, uid: process.getuid!() };
    const revoked = revoke("ab".repeat(32), { data: room.data }, around);
    expect(revoked).toMatchObject({ added: true, file: policy });
    await daemon.stop();
  });
});

function edit(data: string, sql: string): void {
  const db = new Database(join(data, "cascade.db"));
  db.exec(sql);
  db.close();
}

function cutAt(file: string, offset: number): void {
  truncateSync(file, offset);
}
