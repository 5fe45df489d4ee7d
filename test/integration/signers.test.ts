import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createExecSigner } from "../../src/adapters/signing/exec-signer.ts";
import { listKeyFiles, makeKeyFile, openKeyFile, privateKeyPath } from "../../src/adapters/signing/key-files.ts";
import { isSignedBy, readPublicKey } from "../../src/adapters/signing/public-key.ts";
import { createSshAgentSigner, openSshAgent } from "../../src/adapters/signing/ssh-agent.ts";
import { eventually } from "../support/eventually.ts";
import { realClock as clock } from "../support/real-clock.ts";
import { skipsAllowed } from "../support/skipping.ts";
import { hasSshAgent, startSshAgent } from "../support/ssh-agent.ts";
import { tempFolder } from "../support/temp-folder.ts";

const bytes = Buffer.from("DSSEv1 28 application/vnd.in-toto+json 2 {}");
const code = (expected: string) => expect.objectContaining({ code: expected });

describe("key files", () => {
  it.each(["P-256", "Ed25519"] as const)("of %s are made closed to others, and sign", async (algorithm) => {
    const folder = join(tempFolder(), "cascade/keys");
    const made = makeKeyFile(folder, "ann", algorithm);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(privateKeyPath(folder, "ann")).mode & 0o777).toBe(0o600);
    expect(readFileSync(privateKeyPath(folder, "ann"), "utf8")).toContain("BEGIN PRIVATE KEY");
    expect(listKeyFiles(folder)).toEqual([made]);
    const signer = openKeyFile(privateKeyPath(folder, "ann"));
    expect(signer.keyId).toBe(made.keyId);
    expect(isSignedBy(made.pem, bytes, await signer.sign(bytes))).toBe(true);
    expect(isSignedBy(made.pem, Buffer.from("other"), await signer.sign(bytes))).toBe(false);
  });

  it("are never replaced", () => {
    const folder = tempFolder();
    const { keyId } = makeKeyFile(folder, "ann", "P-256");
    expect(() => makeKeyFile(folder, "ann", "Ed25519")).toThrow(code("KEY_EXISTS"));
    expect(listKeyFiles(folder)[0]!.keyId).toBe(keyId);
  });

  it("that others may read, that hold something else, or that are not there do not sign", () => {
    const folder = tempFolder();
    makeKeyFile(folder, "ann", "P-256");
    chmodSync(privateKeyPath(folder, "ann"), 0o640);
    expect(() => openKeyFile(privateKeyPath(folder, "ann"))).toThrow(/mode 0640/);
    writeFileSync(join(folder, "bob.pem"), "nothing", { mode: 0o600 });
    expect(() => openKeyFile(join(folder, "bob.pem"))).toThrow(code("KEY_UNREADABLE"));
    expect(() => openKeyFile(join(folder, "cyd.pem"))).toThrow(code("KEY_UNREADABLE"));
    execFileSync("openssl", ["genrsa", "-out", join(folder, "rsa.pem"), "2048"], { stdio: "ignore" });
    chmodSync(join(folder, "rsa.pem"), 0o600);
    expect(() => openKeyFile(join(folder, "rsa.pem"))).toThrow(/neither a P-256 nor an Ed25519/);
    expect(() => readPublicKey(readFileSync(privateKeyPath(folder, "ann"), "utf8"))).toThrow(/not a public key/);
  });
});

describe("a signer that is a command", () => {
  const openssl = (folder: string) => `openssl dgst -sha256 -sign '${folder}/kms.pem' | base64`;
  const signerFor = (folder: string, command: string, timeLimitMs = 10_000) =>
    createExecSigner({
      command,
      publicKey: makeKeyFile(folder, "kms", "P-256").pem,
      environment: process.env,
      clock,
      timeLimitMs,
    });

  it("signs with openssl", async () => {
    const folder = tempFolder();
    const signer = signerFor(folder, openssl(folder));
    expect(isSignedBy(signer.publicKey, bytes, await signer.sign(bytes))).toBe(true);
  });

  it.each<[string, string, RegExp]>([
    ["fails", "echo 'no such slot' >&2; exit 3", /ended with code 3: no such slot/],
    ["writes something else", "echo '?!'", /did not write a signature in base64/],
    ["writes nothing", "cat > /dev/null", /did not write a signature in base64/],
    [
      "signs with another key",
      "openssl genpkey -algorithm ed25519 -out k.pem 2>/dev/null; head -c 64 /dev/zero | base64 -w0",
      /is no signature of key/,
    ],
    ["is not there", "/nonexistent/signer", /code 127/],
    ["is killed", "kill -9 $$", /SIGKILL/],
  ])("that %s is an error that says so", async (_, command, reason) => {
    const folder = tempFolder();
    const failure = await signerFor(folder, `cd '${folder}' && ${command}`)
      .sign(bytes)
      .catch((error: unknown) => error);
    expect(failure).toEqual(code("SIGNER_FAILED"));
    expect((failure as Error).message).toMatch(reason);
  });

  it("that is given up is ended with what it started, and is not begun any more", async () => {
    const folder = tempFolder();
    const pid = join(folder, "pid");
    const signer = signerFor(folder, `sleep 60 & echo $! > '${pid}'; wait`);
    const giveUp = new AbortController();
    const signing = signer.sign(bytes, giveUp.signal);
    await eventually(() => readFileSync(pid, "utf8") !== "");
    giveUp.abort();
    await expect(signing).rejects.toThrow(code("SIGNER_FAILED"));
    await eventually(() => spawnSync("kill", ["-0", readFileSync(pid, "utf8").trim()]).status !== 0);
    writeFileSync(pid, "");
    await expect(signer.sign(bytes, giveUp.signal)).rejects.toThrow(/not waited for any longer/);
    expect(readFileSync(pid, "utf8")).toBe("");
  });

  it("that takes too long is ended with what it started", async () => {
    const folder = tempFolder();
    const pid = join(folder, "pid");
    const signer = signerFor(folder, `sleep 60 & echo $! > '${pid}'; wait`, 300);
    await expect(signer.sign(bytes)).rejects.toThrow(/longer than 0.3 s/);
    await eventually(() => spawnSync("kill", ["-0", readFileSync(pid, "utf8").trim()]).status !== 0);
  });

  it("can only be one whose public key is known", () => {
    const make = () => createExecSigner({ command: "true", publicKey: "none", environment: {}, clock, timeLimitMs: 1 });
    expect(make).toThrow(code("KEY_UNREADABLE"));
  });
});

describe.skipIf(!hasSshAgent && skipsAllowed)("an ssh-agent", () => {
  async function agent(...comments: readonly string[]) {
    const { socket, fingerprint } = await startSshAgent(...comments);
    const open = (wanted: string | null) => openSshAgent({ socket, wanted, clock, timeLimitMs: 5_000 });
    return { open, fingerprint };
  }

  it("signs the bytes themselves with its only Ed25519 key", async () => {
    const { open } = await agent("rsa@home", "ann@home");
    const signer = await open(null);
    expect(readPublicKey(signer.publicKey)).toMatchObject({ algorithm: "Ed25519", keyId: signer.keyId });
    expect(isSignedBy(signer.publicKey, bytes, await signer.sign(bytes))).toBe(true);
  });

  it("is asked for a key by its comment or its fingerprint", async () => {
    const { open, fingerprint } = await agent("ann@home", "bob@home");
    const [ann, bob] = [await open("ann@home"), await open(fingerprint("bob@home"))];
    expect(ann.keyId).not.toBe(bob.keyId);
    expect(isSignedBy(bob.publicKey, bytes, await bob.sign(bytes))).toBe(true);
    await expect(open(null)).rejects.toThrow(/several keys fit; it has SHA256:.*ann@home.*bob@home/);
    await expect(open("eve")).rejects.toThrow(/no Ed25519 key is "eve"/);
  });

  it("is asked only when it signs, for a key that is known beforehand", async () => {
    const { socket, publicKey, fingerprint } = await startSshAgent("ann@home", "bob@home");
    const bob = readPublicKey(publicKey("bob@home"));
    const signerFor = (wanted: string | null, at = socket) =>
      createSshAgentSigner({ socket: at, wanted, publicKey: bob, clock, timeLimitMs: 5_000 });
    for (const wanted of [null, "bob@home", fingerprint("bob@home")]) {
      expect(isSignedBy(bob.pem, bytes, await signerFor(wanted).sign(bytes))).toBe(true);
    }
    await expect(signerFor("ann@home").sign(bytes)).rejects.toThrow(/no key "ann@home" in it is [0-9a-f]{64}; it has/);
    await expect(signerFor(null, join(tempFolder(), "none")).sign(bytes)).rejects.toThrow(code("SIGNER_FAILED"));
    await expect(signerFor(null).sign(bytes, AbortSignal.abort())).rejects.toThrow(/not waited for any longer/);
  });

  it("that has no key, or is not there, is an error", async () => {
    const { open } = await agent();
    await expect(open(null)).rejects.toThrow(/it has no Ed25519 key/);
    const elsewhere = { socket: join(tempFolder(), "none"), wanted: null, clock, timeLimitMs: 1_000 };
    await expect(openSshAgent(elsewhere)).rejects.toThrow(code("SIGNER_FAILED"));
    await expect(openSshAgent({ ...elsewhere, socket: undefined })).rejects.toThrow(/SSH_AUTH_SOCK is not set/);
  });
});
