import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isSignedBy, readPublicKey } from "../../src/adapters/signing/public-key.ts";
import { parseBundle } from "../../src/domain/bundle.ts";
import { paeOf, statementPae } from "../../src/domain/dsse.ts";
import { openSshAgent } from "../../src/adapters/signing/ssh-agent.ts";
import { realClock } from "../support/real-clock.ts";
import { skipsAllowed } from "../support/skipping.ts";
import { hasSshAgent, startSshAgent } from "../support/ssh-agent.ts";
import { testTerminal } from "../support/cli-io.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { tinyPackage } from "../support/tiny-package.ts";

/** An author's home with a package file in it. */
function home() {
  const folder = tempFolder();
  const environment: Record<string, string> = {};
  const { run } = testTerminal(folder, { environment });
  const tiny = tinyPackage();
  const file = join(folder, "tiny.cascade");
  writeFileSync(file, tiny.bytes);
  const keys = join(folder, ".config/cascade/keys");
  const json = async (...argv: readonly string[]) => {
    const { code, out, err } = await run(...argv, "--json");
    return {
      code,
      value: out === "" ? undefined : JSON.parse(out),
      error: err === "" ? undefined : JSON.parse(err.split("\n")[0]!),
    };
  };
  const key = async (name: string, ...options: readonly string[]) => {
    const made = await json("key", "new", name, ...options).then(({ value }) => value);
    return made as { keyId: string; publicKey: string };
  };
  return { folder, environment, run, json, key, keys, file, tiny };
}

/** The members of a signature in the file, as another program sees them. */
function unpackSignature(folder: string, file: string, keyId: string) {
  const out = join(folder, "out");
  mkdirSync(out, { recursive: true });
  execFileSync("tar", ["-xzf", file, "-C", out]);
  const bundle = JSON.parse(readFileSync(join(out, `signatures/${keyId}.sigstore.json`), "utf8"));
  const { payloadType, payload, signatures } = bundle.dsseEnvelope;
  const [pae, signature] = [join(folder, "pae.bin"), join(folder, "signature.bin")];
  writeFileSync(pae, paeOf(payloadType, Buffer.from(payload, "base64")));
  writeFileSync(signature, Buffer.from(signatures[0].sig, "base64"));
  return { pae, signature, statement: JSON.parse(Buffer.from(payload, "base64").toString()), out };
}

describe("cascade key", () => {
  it("makes keys in the user's configuration, lists them and replaces none", async () => {
    const { json, key, keys } = home();
    const ann = await key("ann");
    expect(ann.publicKey).toBe(join(keys, "ann.pub.pem"));
    expect(statSync(join(keys, "ann.pem")).mode & 0o777).toBe(0o600);
    const bob = await key("bob", "--ed25519");
    expect((await json("key", "list")).value).toEqual([
      { name: "ann", keyId: ann.keyId, algorithm: "P-256", publicKey: ann.publicKey, private: true },
      { name: "bob", keyId: bob.keyId, algorithm: "Ed25519", publicKey: bob.publicKey, private: true },
    ]);
    expect(await json("key", "new", "ann")).toMatchObject({ code: 73, error: { code: "KEY_EXISTS" } });
    expect(await json("key", "new", "../ann")).toMatchObject({ code: 65, error: { code: "NAME_INVALID" } });
  });

  it.each([[[]], [["--ed25519"]]])("rotates a key with a statement that both sign (%j)", async (options) => {
    const { json, key, keys } = home();
    const former = await key("ann", ...options);
    const formerPem = readFileSync(former.publicKey, "utf8");
    const { value } = await json("key", "rotate", "ann");
    expect(value.former).toBe(former.keyId);
    const nextPem = readFileSync(former.publicKey, "utf8");
    expect(readPublicKey(nextPem).keyId).toBe(value.keyId);
    const [byFormer, byNew] = value.statements.map((path: string) => parseBundle(readFileSync(path, "utf8")));
    expect(byFormer.statement).toBe(byNew.statement);
    expect(JSON.parse(byNew.statement)).toMatchObject({
      subject: [{ digest: { sha256: value.keyId } }],
      predicateType: "urn:cascade:attestation:key-rotation:v1",
      predicate: { former: { keyId: former.keyId, publicKey: formerPem }, next: { publicKey: nextPem } },
    });
    for (const [pem, sealed] of [
      [formerPem, byFormer],
      [nextPem, byNew],
    ]) {
      expect(isSignedBy(pem, statementPae(sealed.statement), Buffer.from(sealed.signature, "base64"))).toBe(true);
    }
    const short = former.keyId.slice(0, 16);
    expect(readdirSync(keys)).toEqual(
      expect.arrayContaining([`ann.former-${short}.pem`, `ann.former-${short}.pub.pem`]),
    );
    expect((await json("key", "rotate", "eve")).error).toMatchObject({ code: "KEY_UNREADABLE" });
  });

  it("revokes a key in a policy and leaves its text as it was", async () => {
    const { folder, json, key, file } = home();
    const [ann, bob] = [await key("ann"), await key("bob")];
    const trust = join(folder, "trust.toml");
    writeFileSync(
      trust,
      `# ours\n[keys.release]\npublic_key = "${ann.publicKey}"\n\n[revoked]\n# nobody yet\nkeys = []\npackages = []\n`,
      { mode: 0o640 },
    );
    await json("package", "sign", file, "--key", "ann");
    expect((await json("package", "verify", file, "--trust", trust)).value).toMatchObject({ admitted: true });
    expect((await json("key", "revoke", "release", "--trust", trust)).value).toEqual({
      keyId: ann.keyId,
      file: trust,
      added: true,
    });
    expect((await json("key", "revoke", "bob", "--trust", trust)).value).toMatchObject({
      keyId: bob.keyId,
      added: true,
    });
    expect((await json("key", "revoke", ann.publicKey, "--trust", trust)).value).toMatchObject({ added: false });
    const text = readFileSync(trust, "utf8");
    expect(text).toContain(`# nobody yet\nkeys = ["${bob.keyId}", "${ann.keyId}"]\npackages = []\n`);
    expect(statSync(trust).mode & 0o777).toBe(0o640);
    expect(await json("package", "verify", file, "--trust", trust)).toMatchObject({
      code: 1,
      value: { error: { code: "PACKAGE_KEY_REVOKED" } },
    });
    expect((await json("key", "revoke", "eve", "--trust", trust)).error).toMatchObject({ code: "KEY_UNKNOWN" });
  });

  it("takes the policy of the daemon's configuration when none is named", async () => {
    const { folder, json, key } = home();
    const ann = await key("ann");
    const trust = join(folder, ".config/cascade/trust.toml");
    expect((await json("key", "revoke", "ann")).error).toMatchObject({ code: "CONFIG_UNREADABLE" });
    writeFileSync(trust, "[revoked]\npackages = []\n");
    expect((await json("key", "revoke", "ann")).value).toEqual({ keyId: ann.keyId, file: trust, added: true });
  });
});

describe("cascade package sign and verify", () => {
  it("adds the signatures of several people, once each", async () => {
    const { json, key, file, tiny } = home();
    const [ann, bob] = [await key("ann"), await key("bob", "--ed25519")];
    chmodSync(file, 0o664);
    const first = await json("package", "sign", file, "--key", "ann");
    expect(first.value).toMatchObject({
      digest: tiny.identity.digest,
      keyId: ann.keyId,
      added: true,
      signers: [ann.keyId],
    });
    await json("package", "sign", file, "--key", "bob");
    const bytes = readFileSync(file);
    expect(statSync(file).mode & 0o777).toBe(0o664);
    expect((await json("package", "sign", file, "--key", "ann")).value).toMatchObject({ added: false });
    expect(readFileSync(file)).toEqual(bytes);
    expect(await json("package", "verify", file, "--key", ann.publicKey, "--key", bob.publicKey)).toMatchObject({
      code: 0,
      value: { admitted: true, signers: [ann.keyId, bob.keyId].sort(), error: null },
    });
  });

  it.each([
    ["P-256", [], ["dgst", "-sha256", "-verify"], []],
    ["Ed25519", ["--ed25519"], ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"], ["-sigfile"]],
  ] as const)("makes %s signatures that openssl takes, over what tar unpacks", async (kind, options, verify, form) => {
    const { folder, json, key, file, tiny } = home();
    const ann = await key("ann", ...options);
    await json("package", "sign", file, "--key", "ann");
    const { pae, signature, statement, out } = unpackSignature(folder, file, ann.keyId);
    expect(statement.subject).toEqual([{ name: "manifest.json", digest: { sha256: tiny.identity.digest } }]);
    const sum = execFileSync("sha256sum", [join(out, "manifest.json")], { encoding: "utf8" });
    expect(sum.split(" ")[0]).toBe(tiny.identity.digest);
    const judge = () =>
      kind === "P-256"
        ? spawnSync("openssl", [...verify, ann.publicKey, "-signature", signature, pae])
        : spawnSync("openssl", [...verify, ann.publicKey, ...form, signature, "-in", pae]);
    expect(judge().status).toBe(0);
    writeFileSync(pae, `${readFileSync(pae, "utf8")} `);
    expect(judge().status).not.toBe(0);
  });

  it("says of each signature whose it is, and refuses as a daemon would", async () => {
    const { run, json, key, file, folder } = home();
    const [ann, eve] = [await key("ann"), await key("eve")];
    expect(await json("package", "verify", file, "--key", ann.publicKey)).toMatchObject({
      code: 1,
      value: { error: { code: "PACKAGE_UNSIGNED" } },
    });
    await json("package", "sign", file, "--key", "eve");
    const refused = await run("package", "verify", file, "--key", ann.publicKey);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.out).toMatch(/^unknown {2}[0-9a-f]{64}\nrefused: tiny 1\.0\.0: PACKAGE_KEY_UNTRUSTED: /);
    const trust = join(folder, "trust.toml");
    writeFileSync(
      trust,
      `[keys.ann]\npublic_key = "${ann.publicKey}"\n[keys.eve]\npublic_key = "${eve.publicKey}"\nnot_after = 2020-01-01\n` +
        `[[folder]]\npath = "/srv/two"\nthreshold = 2\n`,
    );
    const at = (directory: string) => json("package", "verify", file, "--trust", trust, "--folder", directory);
    expect((await at(folder)).value.error.code).toBe("PACKAGE_KEY_EXPIRED");
    await json("package", "sign", file, "--key", "ann");
    expect((await at(folder)).value).toMatchObject({ admitted: true, signers: [ann.keyId] });
    expect((await at("/srv/two")).value.error.code).toBe("PACKAGE_THRESHOLD");
    expect((await json("package", "verify", file)).error).toMatchObject({ code: "KEY_MISSING" });
  });

  it("signs by a command that has the key", async () => {
    const { folder, json, key, file, keys } = home();
    const ann = await key("ann");
    const command = `exec:openssl dgst -sha256 -sign '${join(keys, "ann.pem")}' | base64 -w0`;
    const missing = await json("package", "sign", file, "--signer", command);
    expect(missing).toMatchObject({ code: 64, error: { code: "USAGE" } });
    const signed = await json("package", "sign", file, "--signer", command, "--public-key", ann.publicKey);
    expect(signed.value).toMatchObject({ keyId: ann.keyId, added: true });
    expect((await json("package", "verify", file, "--key", ann.publicKey)).value).toMatchObject({ admitted: true });
    const failing = await json(
      "package",
      "sign",
      file,
      "--signer",
      "exec:echo no card >&2; exit 1",
      "--public-key",
      join(folder, ".config/cascade/keys/ann.pub.pem"),
    );
    expect(failing).toMatchObject({ code: 0, value: { added: false } });
    const bob = await key("bob");
    const refused = await json(
      "package",
      "sign",
      file,
      "--signer",
      "exec:echo no card >&2; exit 1",
      "--public-key",
      bob.publicKey,
    );
    expect(refused).toMatchObject({
      code: 74,
      error: { code: "SIGNER_FAILED", message: expect.stringContaining("no card") },
    });
  });

  it.skipIf(!hasSshAgent && skipsAllowed)("signs by an ssh-agent that has the key", async () => {
    const { folder, environment, json, file } = home();
    const agent = await startSshAgent("ann@home", "bob@home");
    environment["SSH_AUTH_SOCK"] = agent.socket;
    const byComment = await json("package", "sign", file, "--signer", "ssh-agent:ann@home");
    const byFingerprint = await json("package", "sign", file, "--signer", `ssh-agent:${agent.fingerprint("ann@home")}`);
    expect(byComment.value).toMatchObject({ added: true });
    expect(byFingerprint.value).toMatchObject({ keyId: byComment.value.keyId, added: false });
    expect((await json("package", "sign", file, "--signer", "ssh-agent")).error).toMatchObject({
      code: "SIGNER_FAILED",
    });
    // The form that OpenSSH gives the key, read by another program.
    const { signature, pae } = unpackSignature(folder, file, byComment.value.keyId);
    const { publicKey } = await openSshAgent({ ...agent, wanted: "ann@home", clock: realClock, timeLimitMs: 5_000 });
    writeFileSync(join(folder, "ann.pub.pem"), publicKey);
    const judge = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", join(folder, "ann.pub.pem"), "-sigfile"];
    expect(spawnSync("openssl", [...judge, signature, "-in", pae]).status).toBe(0);
    const verified = await json("package", "verify", file, "--key", join(folder, "ann.pub.pem"));
    expect(verified.value).toMatchObject({ admitted: true, signers: [byComment.value.keyId] });
  });

  it("wants one signer, and a whole package", async () => {
    const { json, key, file } = home();
    await key("ann");
    expect(await json("package", "sign", file)).toMatchObject({ code: 64 });
    expect(await json("package", "sign", file, "--key", "ann", "--signer", "ssh-agent")).toMatchObject({ code: 64 });
    expect(await json("package", "sign", file, "--signer", "kms")).toMatchObject({ code: 64 });
    writeFileSync(file, readFileSync(file).subarray(0, 300));
    expect((await json("package", "sign", file, "--key", "ann")).error).toMatchObject({ code: "PACKAGE_TRUNCATED" });
  });
});

describe("cascade pack --sign", () => {
  it("packs and signs in one go, with the digest that it has unsigned", async () => {
    const { folder, json, key } = home();
    const ann = await key("ann");
    const source = join(folder, "hello");
    mkdirSync(source);
    writeFileSync(
      join(source, "package.json"),
      JSON.stringify({ name: "hello", version: "1.0.0", cascade: { entry: "workflow.yaml" } }),
    );
    writeFileSync(join(source, "workflow.yaml"), "name: hello\ntasks:\n  - name: greet\n    run: echo hi\n");
    const plain = await json("pack", source, "-o", join(folder, "plain.cascade"));
    const signed = await json("pack", source, "-o", join(folder, "signed.cascade"), "--sign", "ann");
    expect(signed.value).toMatchObject({ digest: plain.value.digest, keyId: ann.keyId });
    expect((await json("package", "verify", signed.value.path, "--key", ann.publicKey)).value).toMatchObject({
      admitted: true,
    });
    expect((await json("pack", source, "--sign", "nobody")).error).toMatchObject({ code: "KEY_UNREADABLE" });
  });
});
