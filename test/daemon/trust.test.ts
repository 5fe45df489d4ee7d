import BetterSqlite3 from "better-sqlite3";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { signPackage } from "../../src/daemon/package-signing.ts";
import { builtProgram } from "../support/built-program.ts";
import { testTerminal } from "../support/cli-io.ts";
import type { DaemonProcess } from "../support/daemon-process.ts";
import { eventually } from "../support/eventually.ts";
import { lifePackages } from "../support/life-packages.ts";
import { lifeRoom } from "../support/life-room.ts";
import { signedBy, testKey } from "../support/package-keys.ts";
import { realClock } from "../support/real-clock.ts";
import { tinyPackage } from "../support/tiny-package.ts";

const files = lifePackages();
const ann = testKey("ann");
const one = tinyPackage();
const two = tinyPackage({ version: "2.0.0", body: "export default 2;\n" });
const policyText = `[keys.ann]\npublic_key = """\n${ann.publicKey}"""\n`;

/** A life with a trust policy beside its configuration. */
function trustRoom(text = policyText) {
  const room = lifeRoom([], 'scan_interval = "100ms"');
  const trust = join(dirname(room.config), "trust.toml");
  writeFileSync(trust, text);
  const cli = (...argv: readonly string[]) => {
    const environment = { PATH: process.env["PATH"], HOME: dirname(room.config) };
    const { status, stdout, stderr } = spawnSync(process.execPath, [builtProgram(), ...argv], {
      encoding: "utf8",
      env: environment,
    });
    return { status, stdout, stderr };
  };
  return {
    ...room,
    trust,
    cli,
    /** In one step, as a careful copy does. */
    drop(name: string, bytes: Buffer) {
      writeFileSync(join(room.data, "packages", `.${name}`), bytes);
      renameSync(join(room.data, "packages", `.${name}`), join(room.data, "packages", name));
    },
    list: () => JSON.parse(cli("package", "list", "--data", room.data, "--json").stdout) as Row[],
    async reload(daemon: DaemonProcess) {
      const before = (await daemon.client.status()).config.generation;
      daemon.signal("SIGHUP");
      await eventually(async () => (await daemon.client.status()).config.generation > before);
    },
  };
}
interface Row {
  version: string;
  state: string;
  file: string;
  active: boolean;
  error: { code: string; hint: string } | null;
}

const rows = (list: readonly Row[]) =>
  list.map(({ version, state, error }) => `${version} ${error?.code ?? state}`).sort();

describe("a daemon with a trust policy", () => {
  it("loads what is signed, refuses the rest with its reason, and the last good version goes on serving", async () => {
    const room = trustRoom();
    const daemon = await room.start();
    room.drop("tiny.cascade", await signedBy(one.content, ann));
    await eventually(() => rows(room.list()).join() === "1.0.0 loaded");
    room.drop("tiny.cascade", two.bytes);
    await eventually(() => rows(room.list()).includes("2.0.0 PACKAGE_UNSIGNED"));
    expect(rows(room.list())).toEqual(["1.0.0 loaded", "2.0.0 PACKAGE_UNSIGNED"]);
    expect(room.list().find(({ error }) => error)!.error!.hint).toContain("cascade package sign");
    const run = await daemon.client.startRun({ workflow: "flow", params: {} });
    expect(run.version).toBe("1.0.0");
    room.drop("tiny.cascade", await signedBy(two.content, ann));
    await eventually(() => rows(room.list()).join() === "2.0.0 loaded");
    expect((await daemon.client.status()).warnings).toEqual([]);
    await daemon.stop();
  });

  it("names the admission in the proofs of a package's runs, over a restart too, and keeps its statement", async () => {
    const room = trustRoom();
    const signed = await signPackage(readFileSync(files.life), ann.signer, Date.now());
    room.drop("life.cascade", signed.bytes);
    const daemon = await room.start();
    const first = await room.begin(daemon, "life/quick");
    await room.end(daemon, first);
    const { admission } = await daemon.client.package("life", null);
    const facts = async (from: DaemonProcess, run: string) => {
      const proof = await eventually(() => from.client.proof(run));
      return (proof.statement as { predicate?: { admission?: unknown } }).predicate?.admission;
    };
    expect(await facts(daemon, first)).toEqual({ digest: admission, unsigned: false });
    await daemon.stop();
    const again = await room.start();
    const second = await room.begin(again, "life/quick");
    await room.end(again, second);
    expect(await facts(again, second)).toEqual({ digest: admission, unsigned: false });
    await again.stop();
    const db = new BetterSqlite3(join(room.data, "cascade.db"), { readonly: true });
    const texts = db.prepare<[], string>("SELECT statement FROM statements").pluck().all();
    db.close();
    const summaries = texts.filter((text) => text.includes("https://slsa.dev/verification_summary/v1"));
    expect(summaries).toHaveLength(1);
    expect(JSON.parse(summaries[0]!).subject[0].digest.sha256).toBe(signed.package.digest);
  });

  it("unloads what is revoked at the next reload, and what runs of it goes on to its end", async () => {
    const room = trustRoom();
    const signed = await signPackage(readFileSync(files.life), ann.signer, Date.now());
    room.drop("life.cascade", signed.bytes);
    const daemon = await room.start();
    const run = await room.begin(daemon, "life/gated");
    const revoked = room.cli("key", "revoke", "ann", "--trust", room.trust);
    expect(revoked).toMatchObject({ status: 0, stdout: `revoked ${ann.keyId} in ${room.trust}\n` });
    expect(rows(room.list())).toEqual(["1.0.0 loaded"]);
    await room.reload(daemon);
    expect(rows(room.list())).toEqual(["1.0.0 PACKAGE_KEY_REVOKED"]);
    await expect(daemon.client.startRun({ workflow: "life/quick", params: {} })).rejects.toThrow(/life\/quick/);
    room.openGate();
    expect((await room.end(daemon, run)).state).toBe("succeeded");
    await daemon.stop();
  });

  it("keeps the policy that holds when a reload finds one that others may write, has a mistake, is empty or gone", async () => {
    const room = trustRoom();
    const daemon = await room.start();
    for (const [spoil, code] of [
      [() => chmodSync(room.trust, 0o666), "TRUST_UNSAFE"],
      [() => writeFileSync(room.trust, "[keys"), "TRUST_INVALID"],
      [() => rmSync(room.trust), "TRUST_MISSING"],
      [() => writeFileSync(room.trust, ""), "TRUST_INVALID"],
    ] as const) {
      spoil();
      daemon.signal("SIGHUP");
      await eventually(async () => (await daemon.client.status()).config.error?.code === code);
      writeFileSync(room.trust, policyText);
      chmodSync(room.trust, 0o644);
    }
    room.drop("tiny.cascade", one.bytes);
    await eventually(() => rows(room.list()).join() === "1.0.0 PACKAGE_UNSIGNED");
    writeFileSync(room.trust, `[[folder]]\npath = "${room.data}/packages"\nunsigned = "allow"\n${policyText}`);
    await room.reload(daemon);
    expect(rows(room.list())).toEqual(["1.0.0 loaded"]);
    expect(room.logged("config.reloaded").at(-1)!["changed"]).toEqual([expect.stringMatching(/^trust: policy /)]);
    await daemon.stop();
  });

  it("ends only by a file that says so: without one the daemon does not start again", async () => {
    const room = trustRoom();
    const first = await room.start();
    await first.stop();
    rmSync(room.trust);
    const { status, stderr } = room.cli("daemon", "--data", room.data, "--config", room.config);
    expect(status).toBe(78);
    expect(stderr).toContain("TRUST_MISSING");
    writeFileSync(room.trust, 'require = "none"\n');
    const open = await room.start();
    room.drop("tiny.cascade", one.bytes);
    await eventually(() => rows(room.list()).join() === "1.0.0 loaded");
    await open.stop();
  });

  it("shows as drift that a signature does not count any more, and that a policy is another one, before any reload", async () => {
    const room = trustRoom();
    const daemon = await room.start();
    room.drop("tiny.cascade", await signedBy(one.content, ann));
    await eventually(() => rows(room.list()).join() === "1.0.0 loaded");
    const drift = () => {
      const { status, stdout } = room.cli("drift", "--data", room.data, "--json");
      const { findings, unknown } = JSON.parse(stdout) as Record<string, { kind: string; subject: string }[]>;
      return { status, lines: [...findings!, ...unknown!].map(({ kind, subject }) => `${kind} ${subject}`) };
    };
    expect(drift()).toEqual({ status: 0, lines: [] });
    writeFileSync(room.trust, `# The same in other words.\n${policyText}`);
    expect(drift()).toEqual({ status: 0, lines: [] });
    writeFileSync(room.trust, `[[folder]]\npath = "/"\nunsigned = "allow"\n${policyText}`);
    expect(drift()).toEqual({ status: 1, lines: ["policy-file tiny@1.0.0"] });
    writeFileSync(room.trust, policyText);
    expect(room.cli("key", "revoke", "ann", "--trust", room.trust).status).toBe(0);
    expect(drift()).toEqual({ status: 1, lines: ["signature tiny@1.0.0", "policy-file tiny@1.0.0"] });
    writeFileSync(room.trust, policyText.replace("[keys.ann]\n", "[keys.ann]\nnot_after = 2026-01-01T00:00:00Z\n"));
    expect(drift()).toEqual({ status: 1, lines: ["signature tiny@1.0.0", "policy-file tiny@1.0.0"] });
    writeFileSync(room.trust, "[keys.ann");
    expect(drift()).toEqual({ status: 2, lines: ["signature trust policy", "policy-file trust policy"] });
    rmSync(room.trust);
    expect(drift()).toEqual({ status: 1, lines: ["policy-file tiny@1.0.0"] });
    writeFileSync(room.trust, policyText);
    expect(drift()).toEqual({ status: 0, lines: [] });
    await daemon.stop();
  });

  it("shows as drift of the signature alone that a key has run out since, and takes the policy from --config", async () => {
    const room = trustRoom(policyText.replace("[keys.ann]\n", "[keys.ann]\nnot_after = 2100-01-01\n"));
    const daemon = await room.start();
    room.drop("tiny.cascade", await signedBy(one.content, ann));
    await eventually(() => rows(room.list()).join() === "1.0.0 loaded");
    await daemon.stop();
    const drift = async (now: number, ...options: string[]) => {
      const terminal = testTerminal(dirname(room.config), { clock: { ...realClock, now: () => now } });
      const { code, out } = await terminal.run("drift", "--data", room.data, "--json", ...options);
      if (out === "") return { code, lines: [] };
      const { findings, unknown } = JSON.parse(out) as Record<string, { kind: string; subject: string }[]>;
      return { code, lines: [...findings!, ...unknown!].map(({ kind, subject }) => `${kind} ${subject}`) };
    };
    const end = Date.UTC(2100, 0, 1);
    expect(await drift(end)).toEqual({ code: 0, lines: [] });
    expect(await drift(end + 1)).toEqual({ code: 1, lines: ["signature tiny@1.0.0"] });

    const other = join(dirname(room.config), "other.toml");
    writeFileSync(other, `trust = "${join(dirname(room.config), "other-trust.toml")}"\n`);
    writeFileSync(join(dirname(room.config), "other-trust.toml"), policyText);
    expect(await drift(end, "--config", room.config)).toEqual({ code: 0, lines: [] });
    expect(await drift(end, "--config", other)).toEqual({ code: 1, lines: ["policy-file tiny@1.0.0"] });
    expect(await drift(end, "--config", "nowhere.toml")).toEqual({
      code: 2,
      lines: ["signature trust policy", "policy-file trust policy"],
    });
    expect(await drift(end, "--config", other, "--packages", "tiny", "tiny")).toMatchObject({ code: 64 });
  });

  it("refuses other code under a version it has admitted, though its author has signed both, and drift names it", async () => {
    const room = trustRoom();
    const daemon = await room.start();
    room.drop("tiny.cascade", await signedBy(one.content, ann));
    await eventually(() => rows(room.list()).join() === "1.0.0 loaded");
    const other = tinyPackage({ body: "export default 3;\n" });
    room.drop("tiny-again.cascade", await signedBy(other.content, ann));
    await eventually(() => rows(room.list()).join() === "1.0.0 PACKAGE_CONFLICT,1.0.0 loaded");
    const drift = room.cli("drift", "--data", room.data, "--json");
    expect(drift.status).toBe(1);
    expect(JSON.parse(drift.stdout).findings).toMatchObject([{ kind: "package", subject: "tiny@1.0.0" }]);
    expect((await daemon.client.package("tiny", null)).digest).toBe(one.identity.digest);
    await daemon.stop();
  });

  it("shows for ever that its policy was weakened for a moment: each change is a leaf, over restarts too", async () => {
    const room = trustRoom();
    const daemon = await room.start();
    const weak = `[[folder]]\npath = "${room.data}/packages"\nunsigned = "allow"\n${policyText}`;
    writeFileSync(room.trust, weak);
    await room.reload(daemon);
    room.drop("tiny.cascade", one.bytes);
    await eventually(() => rows(room.list()).join() === "1.0.0 loaded");
    // The attacker covers the tracks: file, policy and the database's memory of it are as they were.
    renameSync(join(room.data, "packages/tiny.cascade"), join(room.data, "tiny.cascade"));
    writeFileSync(room.trust, policyText);
    await room.reload(daemon);
    await daemon.stop();
    const again = await room.start();
    await again.stop();

    const folder = join(room.data, "proofs/attestations");
    const changes = readdirSync(folder)
      .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")))
      .map(({ dsseEnvelope }) => JSON.parse(Buffer.from(dsseEnvelope.payload, "base64").toString("utf8")))
      .filter(({ predicateType }) => predicateType === "urn:cascade:attestation:trust-policy:v1")
      .map(({ predicate }) => predicate as { previous: string | null; policy: string; changedOn: string })
      .sort((a, b) => (a.changedOn < b.changedOn ? -1 : 1));
    const [strict] = changes.map(({ policy }) => policy);
    const [, weakened] = changes.map(({ policy }) => policy);
    expect(changes.map(({ previous, policy }) => [previous, policy])).toEqual([
      [null, strict],
      [strict, weakened],
      [weakened, strict],
    ]);
    expect(room.cli("tlog", "fsck", "--data", room.data)).toMatchObject({ status: 0 });

    const db = new BetterSqlite3(join(room.data, "cascade.db"));
    db.prepare("DELETE FROM statements WHERE statement LIKE '%trust-policy:v1%' AND statement LIKE ?").run(
      `%${weakened}%`,
    );
    db.close();
    expect(room.cli("tlog", "fsck", "--data", room.data)).toMatchObject({ status: 1 });
  });

  it("signs with another key after a rotation, and the proofs of the former one stay valid", async () => {
    const room = trustRoom(`${policyText}[[folder]]\npath = "/"\nunsigned = "allow"\n`);
    copyFileSync(files.life, join(room.data, "packages/life.cascade"));
    const daemon = await room.start();
    const first = await room.begin(daemon, "life/quick");
    await room.end(daemon, first);
    const rotated = room.cli("key", "rotate", "--proof", "--data", room.data, "--json");
    const { former, keyId, statements } = JSON.parse(rotated.stdout) as Record<string, string> & {
      statements: string[];
    };
    await daemon.stop();
    const again = await room.start();
    const second = await room.begin(again, "life/quick");
    await room.end(again, second);
    const keyOf = async (run: string) => (await eventually(() => again.client.proof(run))).keyId;
    expect([await keyOf(first), await keyOf(second)]).toEqual([former, keyId]);
    for (const run of [first, second]) {
      expect(room.cli("verify", run, "--data", room.data)).toMatchObject({ status: 0 });
    }
    expect(statements.map((path) => existsSync(path))).toEqual([true, true]);
    const listed = JSON.parse(room.cli("key", "list", "--proof", "--data", room.data, "--json").stdout) as Row[];
    expect(listed).toMatchObject([{ name: `former-${former}` }, { name: "proof", keyId, private: true }]);
    await again.stop();
  });

  it.each<[string, (trust: string) => void, string]>([
    ["that others may write", (trust) => chmodSync(trust, 0o664), "TRUST_UNSAFE"],
    ["whose folder others may write", (trust) => chmodSync(dirname(trust), 0o777), "TRUST_UNSAFE"],
    ["with a mistake", (trust) => writeFileSync(trust, "[key.ann]"), "TRUST_INVALID"],
  ])("does not start with one %s", async (_, spoil, code) => {
    const room = trustRoom();
    spoil(room.trust);
    const daemon = room.spawn();
    expect(await daemon.ended).toMatchObject({ code: 78 });
    expect(daemon.stderr()).toContain(code);
    expect(room.cli("config", "check", "--config", room.config)).toMatchObject({ status: 78 });
  });

  it("does not start when its policy lies where packages are dropped", async () => {
    const room = trustRoom();
    const folder = join(room.data, "packages/policy");
    mkdirSync(folder);
    writeFileSync(join(folder, "trust.toml"), policyText);
    room.configure(`trust = "${folder}/trust.toml"`);
    const daemon = room.spawn();
    expect(await daemon.ended).toMatchObject({ code: 78 });
    expect(daemon.stderr()).toContain("lies in the watched folder");
  });
});
