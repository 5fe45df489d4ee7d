import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { builtProgram, packTo } from "../support/built-program.ts";
import type { DaemonProcess } from "../support/daemon-process.ts";
import { eventually } from "../support/eventually.ts";
import { lifeRoom } from "../support/life-room.ts";
import { makeOpensslKey, opensslSigner } from "../support/openssl-signer.ts";
import { processesOf } from "../support/processes-of.ts";
import { skipsAllowed } from "../support/skipping.ts";
import { hasSshAgent, startSshAgent } from "../support/ssh-agent.ts";

/** `quick` returns at once; `thief` tells what of its environment and of a folder tree might sign. */
const PACKAGE = `
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { workflow } from "cascaded";
import { z } from "zod";

export const quick = workflow("quick").task("quick", () => null);

export const thief = workflow("thief", { params: z.object({ folder: z.string() }) }).task("steal", ({ params }) => {
  const keys: string[] = [];
  const look = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) look(path);
      if (!entry.isFile()) continue;
      const text = readFileSync(path, "latin1");
      for (const [pem] of text.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END [A-Z ]*PRIVATE KEY-----/g)) keys.push(pem);
    }
  };
  look(params.folder);
  return { keys, environment: JSON.stringify(process.env) };
});
`;

const folder = mkdtempSync(join(tmpdir(), "cascade-signed-"));
const packed = join(folder, "signed-1.0.0.cascade");
beforeAll(() => packTo(packed, { name: "signed", source: PACKAGE }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function signerRoom() {
  const room = lifeRoom([packed]);
  const outside = dirname(room.config);
  const cache = mkdtempSync(join(tmpdir(), "cascade-cache-"));
  onTestFinished(() => rmSync(cache, { recursive: true, force: true }));
  const [key, publicKey, gate] = [
    join(outside, "key.pem"),
    join(outside, "key.pub.pem"),
    join(outside, "signer-is-here"),
  ];
  makeOpensslKey(key, publicKey);

  function cascade(...argv: readonly string[]) {
    const env = { PATH: process.env["PATH"], HOME: outside, CASCADE_DATA: room.data };
    const { status, stdout, stderr } = spawnSync(process.execPath, [builtProgram(), ...argv], {
      encoding: "utf8",
      env,
    });
    return { status, out: stdout, err: stderr };
  }
  async function run(daemon: DaemonProcess, workflow = "quick", params = {}) {
    return room.end(daemon, (await daemon.client.startRun({ workflow, params })).id);
  }
  const isWritten = (daemon: DaemonProcess, id: string) =>
    eventually(async () => (await daemon.client.proof(id)).state === "written", { timeoutMs: 60_000 });
  return {
    ...room,
    outside,
    key,
    publicKey,
    gate,
    cascade,
    run,
    isWritten,
    start: (environment = {}) => room.start({ XDG_CACHE_HOME: cache, ...environment }),
    /** Lets openssl sign; with `when`, once that holds. */
    configureExec: (when?: string) => room.configure(opensslSigner(key, publicKey, when)),
    async prove(daemon: DaemonProcess) {
      const { id } = await run(daemon);
      await isWritten(daemon, id);
      return id;
    },
    /** Every statement is one leaf, with a file that holds against all others. */
    expectWhole(count: number) {
      expect(cascade("tlog", "fsck")).toMatchObject({ status: 0 });
      const { out } = cascade("verify", join(room.data, "proofs"));
      expect(out).toMatch(new RegExp(`^valid: .*, ${count} valid, 0 refused, 0 incomplete\\n$`));
      expect(JSON.parse(cascade("tlog", "status", "--json").out)).toMatchObject({ size: count, waiting: 0 });
    },
    /** As someone else does who has nothing but what was exported; `opensslVerify` says how for the kind of the key. */
    async expectAccepted(id: string, opensslVerify: readonly string[]) {
      const to = join(outside, `handed-${id}`);
      expect(cascade("proof", "export", id, "-o", to)).toMatchObject({ status: 0 });
      const [proof, pem, root] = [`${id}.sigstore.json`, "proof.pub.pem", "trusted_root.json"].map((name) =>
        join(to, name),
      );
      expect(cascade("verify", id)).toMatchObject({ status: 0 });
      expect(cascade("verify", proof!, "--key", pem!, "--trusted-root", root!)).toMatchObject({ status: 0 });
      for (const judge of [
        ["python3", "verify_proof.py"],
        ["node", "sigstore.mjs"],
      ] as const) {
        const program = join(import.meta.dirname, "../judges", judge[1]);
        const { status, stdout } = spawnSync(judge[0], [program, proof!, pem!, root!], { encoding: "utf8" });
        expect({ judge, status, stdout }).toMatchObject({ status: 0 });
      }
      const [pae, signature] = [join(to, "pae.bin"), join(to, "pae.sig")];
      writeFileSync(pae, cascade("proof", "show", id, "--pae").out);
      writeFileSync(signature, Buffer.from(cascade("proof", "show", id, "--signature").out, "base64"));
      const names = { PUBLIC: pem!, PAE: pae, SIGNATURE: signature };
      const argv = opensslVerify.map((word) => names[word as keyof typeof names] ?? word);
      expect(execFileSync("openssl", argv, { encoding: "utf8" })).toMatch(/Verified (OK|Successfully)/);
    },
  };
}

const WITH_P256 = ["dgst", "-sha256", "-verify", "PUBLIC", "-signature", "SIGNATURE", "PAE"];
const WITH_ED25519 = [
  "pkeyutl",
  "-verify",
  "-pubin",
  "-inkey",
  "PUBLIC",
  "-rawin",
  "-in",
  "PAE",
  "-sigfile",
  "SIGNATURE",
];

describe("a daemon whose proofs are signed by a command", () => {
  it("proves runs that everyone accepts, and has no private key of proofs", async () => {
    const room = signerRoom();
    room.configureExec();
    const daemon = await room.start();
    const id = await room.prove(daemon);
    await daemon.stop();
    await room.expectAccepted(id, WITH_P256);
    room.expectWhole(2);
    expect(readdirSync(join(room.data, "keys")).filter((name) => name.includes("proof"))).toEqual(["proof.pub.pem"]);
    expect(readFileSync(join(room.data, "keys/proof.pub.pem"), "utf8")).toBe(readFileSync(room.publicKey, "utf8"));
  });

  it("starts and runs while the signer is away, says what waits and why, and proves it all when the signer is back", async () => {
    const room = signerRoom();
    room.configureExec(`test -e ${room.gate}`);
    const daemon = await room.start();
    const ids = [(await room.run(daemon)).id, (await room.run(daemon)).id];
    await eventually(async () => (await daemon.client.status()).tlog.state === "waiting");
    const { tlog, warnings } = await daemon.client.status();
    expect(tlog.error).toMatchObject({ code: "SIGNER_FAILED" });
    expect(warnings.join()).toMatch(/nothing is signed, and proofs wait: the signer .* failed/);
    expect(await daemon.client.proof(ids[0]!)).toMatchObject({ state: "due", signed: false, tlog: null });
    expect(room.cascade("tlog", "status")).toMatchObject({
      status: 1,
      out: expect.stringMatching(/waiting +3 statements/),
    });
    expect(room.cascade("doctor").out).toMatch(/fail.*tlog.*SIGNER_FAILED/);
    const verified = room.cascade("verify", ids[0]!);
    expect(verified).toMatchObject({ status: 2, out: expect.stringMatching(/unknown.*not signed yet\nincomplete/) });
    expect(room.cascade("proof", "export", ids[0]!)).toMatchObject({
      status: 75,
      err: expect.stringContaining("PROOF_NOT_SIGNED"),
    });
    writeFileSync(room.gate, "");
    for (const id of ids) await room.isWritten(daemon, id);
    expect((await daemon.client.status()).tlog).toEqual({ state: "signing", error: null });
    await daemon.stop();
    await room.expectAccepted(ids[1]!, WITH_P256);
    room.expectWhole(3);
  });

  it("proves everything, one leaf each, after it was killed while statements waited", async () => {
    const room = signerRoom();
    room.configureExec(`test -e ${room.gate}`);
    const daemon = await room.start();
    for (let count = 0; count < 5; count++) await room.run(daemon);
    await daemon.kill();
    const next = await room.start();
    await room.run(next);
    await eventually(async () => (await next.client.status()).tlog.state === "waiting");
    await next.kill();
    writeFileSync(room.gate, "");
    const last = await room.start();
    await room.prove(last);
    await last.stop();
    room.expectWhole(8);
  });

  it("ends when it is told to, although the signer does not answer, and leaves nothing behind", async () => {
    const room = signerRoom();
    room.configureExec(`test -e ${room.gate} || sleep 1000`);
    const daemon = await room.start();
    await room.run(daemon);
    const begun = performance.now();
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - begun).toBeLessThan(15_000);
    expect(processesOf(room.gate)).toEqual([]);
    writeFileSync(room.gate, "");
    const next = await room.start();
    await room.prove(next);
    await next.stop();
    room.expectWhole(3);
  });

  it("ends what a killed daemon's signer left running", async () => {
    const room = signerRoom();
    room.configureExec(`test -e ${room.gate} || exec sleep 1000`);
    const hung = () => processesOf(room.data).filter(({ command }) => command === "sleep 1000");
    const daemon = await room.start();
    await eventually(() => hung().length === 1);
    await daemon.kill();
    expect(hung()).toHaveLength(1);
    writeFileSync(room.gate, "");
    const next = await room.start();
    expect(hung()).toEqual([]);
    await room.prove(next);
    await next.stop();
    room.expectWhole(2);
  });

  it("believes no signature that its public key refuses", async () => {
    const room = signerRoom();
    const other = join(room.outside, "other.pem");
    makeOpensslKey(other, join(room.outside, "other.pub.pem"));
    room.configure(opensslSigner(other, room.publicKey));
    const daemon = await room.start();
    const { id } = await room.run(daemon);
    await eventually(async () => (await daemon.client.status()).tlog.state === "waiting");
    expect((await daemon.client.status()).tlog.error?.message).toMatch(/no signature of key/);
    expect((await daemon.client.proof(id)).signed).toBe(false);
    await daemon.stop();
    room.configureExec();
    const next = await room.start();
    await room.isWritten(next, id);
    await next.stop();
    room.expectWhole(2);
  });

  it("takes the place of the key in the data folder and gives it back, with what waits signed by whoever is next", async () => {
    const room = signerRoom();
    const local = await room.start();
    const ids = [await room.prove(local)];
    room.configureExec(`test -e ${room.gate}`);
    expect((await local.client.reload()).needRestart).toEqual(["proof.signer", "proof.public_key"]);
    ids.push(await room.prove(local));
    await local.stop();
    const external = await room.start();
    ids.push((await room.run(external)).id);
    expect((await external.client.status()).warnings.join()).toMatch(/keys\/proof\.pem can sign proofs/);
    await external.stop();
    room.configure("");
    const back = await room.start();
    for (const id of ids) await room.isWritten(back, id);
    await back.stop();
    // Three runs, the opening, and the note of the key that never came to sign: it is signed by another, so it does not count.
    room.expectWhole(5);
    room.configureExec();
    const again = await room.start();
    ids.push(await room.prove(again));
    await again.stop();
    for (const id of ids) expect(room.cascade("verify", id)).toMatchObject({ status: 0 });
    room.expectWhole(7);
  });
});

describe.skipIf(!hasSshAgent && skipsAllowed)("a daemon whose proofs are signed by an ssh-agent", () => {
  async function agentRoom() {
    const room = signerRoom();
    const agent = await startSshAgent("other@home", "proofs@home");
    writeFileSync(room.publicKey, agent.publicKey("proofs@home"));
    const configure = (signer: string) =>
      room.configure(`[proof]\nsigner = "${signer}"\npublic_key = "${room.publicKey}"\n`);
    return { ...room, configure, agent, start: () => room.start({ SSH_AUTH_SOCK: agent.socket }) };
  }

  it("proves runs with Ed25519 that everyone accepts", async () => {
    const room = await agentRoom();
    room.configure("ssh-agent:proofs@home");
    const daemon = await room.start();
    const id = await room.prove(daemon);
    await daemon.stop();
    await room.expectAccepted(id, WITH_ED25519);
    room.expectWhole(2);
    room.configure("ssh-agent");
    const next = await room.start();
    await room.prove(next);
    await next.stop();
    room.expectWhole(3);
  });

  it("signs nothing with another key of the agent", async () => {
    const room = await agentRoom();
    room.configure("ssh-agent:other@home");
    const daemon = await room.start();
    await eventually(async () => (await daemon.client.status()).tlog.state === "waiting");
    expect((await daemon.client.status()).tlog.error?.message).toMatch(
      /no key "other@home" in it is [0-9a-f]{64}; it has/,
    );
    await daemon.stop();
  });

  it("shows its tasks no private key of proofs, while a key in the data folder is there for each of them", async () => {
    const room = await agentRoom();
    const stolen = async (daemon: DaemonProcess) => {
      const { tasks } = await room.run(daemon, "thief", { folder: room.data });
      const { keys, environment } = tasks[0]!.output as { keys: string[]; environment: string };
      const publicKeys = keys.map((pem) =>
        execFileSync("openssl", ["pkey", "-pubout"], { input: pem, encoding: "utf8" }),
      );
      const proofKey = readFileSync(join(room.data, "keys/proof.pub.pem"), "utf8");
      return { hasKey: publicKeys.includes(proofKey), environment };
    };
    const local = await room.start();
    expect((await stolen(local)).hasKey).toBe(true);
    await local.stop();
    for (const name of readdirSync(room.data)) {
      if (name !== "packages") rmSync(join(room.data, name), { recursive: true });
    }
    room.configure("ssh-agent:proofs@home");
    const daemon = await room.start();
    await room.prove(daemon);
    const { hasKey, environment } = await stolen(daemon);
    expect(hasKey).toBe(false);
    expect(environment).not.toMatch(/SSH_AUTH_SOCK|agent\.sock|PRIVATE KEY/);
    expect(existsSync(join(room.data, "keys/proof.pem"))).toBe(false);
    await daemon.stop();
  });
});
