import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { builtProgram } from "../support/built-program.ts";
import { eventually } from "../support/eventually.ts";
import { lifePackages } from "../support/life-packages.ts";
import { logRoom } from "../support/log-room.ts";

const files = lifePackages();

describe("the transparency log of a daemon", () => {
  it("is there to be looked at by every command, with the daemon and without it", async () => {
    const room = logRoom([files.life]);
    const daemon = await room.start();
    const [first, last] = [await room.prove(daemon), await room.prove(daemon)];
    const look = () => {
      const status = JSON.parse(room.cascade("tlog", "status", "--json").out);
      expect(status).toMatchObject({ size: 3, waiting: 0, error: null, former: [] });
      expect(room.cascade("tlog", "head").out.split("\n").slice(0, 2)).toEqual([status.origin, "3"]);
      expect(room.cascade("tlog", "prove", first).out).toMatch(/^c2sp\.org\/tlog-proof@v1\nindex 1\n/);
      expect(JSON.parse(room.cascade("tlog", "consistency", "1", "3", "--json").out)).toMatchObject({ from: 1, to: 3 });
      expect(room.cascade("tlog", "fsck").status).toBe(0);
      expect(room.cascade("verify", last).status).toBe(0);
      expect(room.cascade("verify", join(room.data, "proofs")).out).toMatch(
        /^valid: .*, 3 valid, 0 refused, 0 incomplete\n$/,
      );
      expect(
        JSON.parse(room.cascade("proof", "list", "--json").out).map((row: { index: number }) => row.index),
      ).toEqual([2, 1]);
    };
    look();
    expect(JSON.parse(room.cascade("tlog", "status", "--json").out).state).toBe("signing");
    expect(room.cascade("tlog", "adopt")).toMatchObject({ status: 65, err: expect.stringContaining("TLOG_IS_FINE") });
    await daemon.stop();
    look();
    expect(JSON.parse(room.cascade("tlog", "status", "--json").out).state).toBe("stopped");
  });

  it("shows a checkpoint of before whether the log of today continues it", async () => {
    const room = logRoom([files.life]);
    const daemon = await room.start();
    await room.prove(daemon);
    const monday = join(dirname(room.config), "head-of-monday");
    writeFileSync(monday, room.cascade("tlog", "head").out);
    await room.prove(daemon);
    expect(room.cascade("tlog", "consistency", monday, "3").status).toBe(0);
    await daemon.stop();
    const other = logRoom([files.life]);
    const stranger = await other.start();
    await other.prove(stranger);
    await other.prove(stranger);
    // Only a head that this very log has signed can show that it was forked.
    expect(other.cascade("tlog", "consistency", monday, "3")).toMatchObject({
      status: 64,
      err: expect.stringContaining("is no checkpoint that the log"),
    });
    expect(other.cascade("tlog", "consistency", "2", "no-such-file")).toMatchObject({
      status: 74,
      err: expect.stringMatching(/IO_FAILED.*no-such-file \(ENOENT\)/),
    });
    await stranger.stop();
  });

  it("hands everything to someone else who has nothing but a folder", async () => {
    const room = logRoom([files.life]);
    const daemon = await room.start();
    const run = await room.prove(daemon);
    await daemon.stop();
    const folder = join(dirname(room.config), "handed");
    expect(room.cascade("proof", "export", run, "-o", folder).status).toBe(0);
    const [key, root] = [join(folder, "proof.pub.pem"), join(folder, "trusted_root.json")];
    const elsewhere = (...argv: string[]) =>
      spawnSync(process.execPath, [builtProgram(), "verify", join(folder, `${run}.sigstore.json`), ...argv], {
        encoding: "utf8",
        env: { PATH: process.env["PATH"], HOME: folder },
      }).status;
    expect(elsewhere("--key", key, "--trusted-root", root)).toBe(0);
    expect(elsewhere("--key", key)).toBe(2);
    const other = readFileSync(root, "utf8").replace(/"rawBytes": "(.{20})./, '"rawBytes": "$1_');
    writeFileSync(root, other);
    expect(elsewhere("--key", key, "--trusted-root", root)).toBe(65);
    for (const part of ["--statement", "--pae", "--leaf", "--slsa", "--tlog-proof", "--signature"]) {
      expect(room.cascade("proof", "show", run, part), part).toMatchObject({ status: 0, err: "" });
    }
    expect(room.cascade("proof", "show", run, "--leaf", "--pae").status).toBe(64);
  });
});

describe("a data folder that was set back to an older copy", () => {
  it("signs nothing and says why, while runs go on; another log takes the place, and every proof stays valid", async () => {
    const room = logRoom([files.life]);
    const daemon = await room.start();
    const kept = await room.prove(daemon);
    await daemon.stop();
    const restore = room.backUp();
    const next = await room.start();
    await room.prove(next);
    await room.prove(next);
    await next.stop();

    restore();
    const restored = await room.start();
    await eventually(async () => (await restored.client.status()).tlog.state === "refused");
    const waiting = await room.prove(restored, "due");
    const status = await restored.client.status();
    expect(status.tlog.error).toMatchObject({ code: "TLOG_ROLLED_BACK" });
    expect(status.warnings.join()).toMatch(/transparency log does not go on/);
    expect(room.cascade("tlog", "status").status).toBe(1);
    expect(room.cascade("doctor").out).toMatch(/fail.*tlog.*TLOG_ROLLED_BACK/);
    expect(room.cascade("verify", waiting).status).toBe(2);
    expect(room.cascade("verify", kept).status).toBe(0);

    const adopted = room.cascade("tlog", "adopt", "--json");
    expect(adopted.status).toBe(0);
    expect(JSON.parse(adopted.out).former).toHaveLength(1);
    await eventually(async () => (await restored.client.proof(waiting)).state === "written");
    const later = await room.prove(restored);
    for (const run of [kept, waiting, later]) expect(room.cascade("verify", run)).toMatchObject({ status: 0 });
    expect(room.cascade("verify", join(room.data, "proofs")).status).toBe(0);
    expect(room.cascade("tlog", "fsck")).toMatchObject({ status: 0 });
    await restored.stop();
    // Files of the former log can be made again too.
    const names = readdirSync(join(room.data, "proofs"), { recursive: true, encoding: "utf8" });
    const gone = join(
      room.data,
      "proofs",
      names.find((name) => name.includes(kept))!,
    );
    const bytes = readFileSync(gone);
    rmSync(gone);
    const again = await room.start();
    const last = await room.prove(again);
    await eventually(() => existsSync(gone));
    expect(readFileSync(gone)).toEqual(bytes);
    expect(room.cascade("verify", last).status).toBe(0);
    expect((await again.client.status()).tlog).toEqual({ state: "signing", error: null });
    await again.stop();
  });
});

describe("someone who may write to the data folder", () => {
  /** A daemon that has proven three runs and has stopped. */
  async function provenRoom() {
    const room = logRoom([files.life]);
    const daemon = await room.start();
    const runs = [await room.prove(daemon), await room.prove(daemon), await room.prove(daemon)];
    await daemon.stop();
    return { ...room, runs };
  }

  it("is found when a proof file is edited, by verify and by fsck, and the file is made again at the next start", async () => {
    const { runs, fileOf, ...room } = await provenRoom();
    const file = fileOf(runs[1]!);
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace('"sig":"', '"sig":"A'));
    expect(room.cascade("verify", file).status).toBe(1);
    expect(room.cascade("verify", join(room.data, "proofs")).status).toBe(1);
    const fsck = room.cascade("tlog", "fsck");
    expect(fsck).toMatchObject({
      status: 1,
      out: expect.stringMatching(/failed\s+files\s.*is not what its statement/),
    });
    rmSync(file);
    const next = await room.start();
    await eventually(() => room.cascade("verify", runs[1]!).status === 0);
    await next.stop();
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  it("is found when a run is hidden: its file leaves a gap between those of the others", async () => {
    const { runs, fileOf, ...room } = await provenRoom();
    rmSync(fileOf(runs[1]!));
    const found = room.cascade("verify", join(room.data, "proofs"));
    expect(found).toMatchObject({ status: 2, out: expect.stringMatching(/gap\s+the proof of run 2 of life\/quick/) });
  });

  it("is found when a tile is edited: nothing more is signed", async () => {
    const { runs, ...room } = await provenRoom();
    const tile = join(room.data, "tlog/tile/0/000.p/4");
    const bytes = readFileSync(tile);
    bytes[40]! ^= 1;
    writeFileSync(tile, bytes);
    expect(room.cascade("tlog", "fsck").out).toMatch(/failed\s+tiles/);
    const next = await room.start();
    await eventually(async () => (await next.client.status()).tlog.state === "refused");
    expect((await next.client.status()).tlog.error?.code).toMatch(/TLOG_(DAMAGED|FORKED)/);
    await room.prove(next, "due");
    await next.stop();
    // As the hint says: what is removed is made again.
    rmSync(tile);
    const mended = await room.start();
    const last = await room.prove(mended);
    expect(room.cascade("verify", last).status).toBe(0);
    expect(room.cascade("verify", runs[0]!).status).toBe(0);
    await mended.stop();
  });

  it("is found when the checkpoint is replaced by one of another log", async () => {
    const { runs: _, ...room } = await provenRoom();
    const stranger = await provenRoom();
    cpSync(join(stranger.data, "tlog/checkpoint"), join(room.data, "tlog/checkpoint"));
    expect(room.cascade("tlog", "fsck").out).toMatch(/failed\s+checkpoint/);
    const next = await room.start();
    await room.prove(next);
    expect(room.cascade("tlog", "fsck").status).toBe(0);
    await next.stop();
  });

  it("is found when a statement in the database is edited", async () => {
    const { runs, ...room } = await provenRoom();
    const database = join(room.data, "cascade.db");
    const sql = "UPDATE statements SET statement = replace(statement, 'succeeded', 'cancelled') WHERE id = 2";
    expect(spawnSync("sqlite3", [database, sql]).status).toBe(0);
    expect(room.cascade("tlog", "fsck").out).toMatch(/failed\s+statements\s.*statement 2 is not leaf 1/);
    expect(room.cascade("verify", runs[1]!)).toMatchObject({
      status: 1,
      out: expect.stringMatching(/failed\s+previous/),
    });
  });
});
