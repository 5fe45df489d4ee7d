import { generateKeyPairSync, verify } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openLocalSigner, readPublicKeys } from "../../src/adapters/signing/local-signer.ts";
import { trustedKey } from "../../src/proofs/trusted-key.ts";
import { tempFolder } from "../support/temp-folder.ts";

const unreadable = expect.objectContaining({ code: "KEY_UNREADABLE" });

function privatePem(curve: string): string {
  return generateKeyPairSync("ec", { namedCurve: curve })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();
}

describe("the local signer", () => {
  it("makes its key at the first start, for the daemon's user alone, and keeps it", () => {
    const folder = join(tempFolder(), "keys");
    const first = openLocalSigner(folder);
    expect(readdirSync(folder).sort()).toEqual(["proof.pem", "proof.pub.pem"]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, "proof.pem")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, "proof.pem"), "utf8")).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    const second = openLocalSigner(folder);
    expect(second.keyId).toBe(first.keyId);
    expect(readFileSync(join(folder, "proof.pub.pem"), "utf8")).toBe(first.publicKey);
  });

  it("signs what its public key verifies, under the key id that a verifier computes", async () => {
    const signer = openLocalSigner(tempFolder());
    const signature = await signer.sign(Buffer.from("bytes"));
    const { keyId, publicKey } = trustedKey(signer.publicKey);
    expect(keyId).toBe(signer.keyId);
    expect(verify("sha256", Buffer.from("bytes"), { key: publicKey, dsaEncoding: "der" }, signature)).toBe(true);
    expect(verify("sha256", Buffer.from("bytez"), { key: publicKey, dsaEncoding: "der" }, signature)).toBe(false);
  });

  it.each([0o644, 0o640, 0o604, 0o666])("refuses a private key of mode %o and names the chmod line", (mode) => {
    const folder = tempFolder();
    openLocalSigner(folder);
    chmodSync(join(folder, "proof.pem"), mode);
    expect(() => openLocalSigner(folder)).toThrow(
      expect.objectContaining({ code: "KEY_UNREADABLE", hint: expect.stringContaining("chmod 0600") }),
    );
  });

  it.each([
    ["an empty file", ""],
    ["garbage", "\u0000\u0001"],
    ["half a key", privatePem("P-256").slice(0, 60)],
    ["a key on another curve", privatePem("P-384")],
  ])("refuses %s as its private key and leaves it as it is", (_what, text) => {
    const folder = tempFolder();
    writeFileSync(join(folder, "proof.pem"), text, { mode: 0o600 });
    expect(() => openLocalSigner(folder)).toThrow(unreadable);
    expect(readFileSync(join(folder, "proof.pem"), "utf8")).toBe(text);
  });

  it("makes no new key in the place of one that was lost", () => {
    const folder = tempFolder();
    openLocalSigner(folder);
    rmSync(join(folder, "proof.pem"));
    expect(() => openLocalSigner(folder)).toThrow(unreadable);
    expect(readdirSync(folder)).toEqual(["proof.pub.pem"]);
  });

  it("goes on with a new key once the former public key is out of the way, and still offers that one", () => {
    const folder = tempFolder();
    const lost = openLocalSigner(folder);
    rmSync(join(folder, "proof.pem"));
    renameSync(join(folder, "proof.pub.pem"), join(folder, "former.pub.pem"));
    const next = openLocalSigner(folder);
    expect(readPublicKeys(folder)).toEqual([next.publicKey, lost.publicKey]);
  });

  it("finishes a first start that was cut off between its two files", () => {
    const folder = tempFolder();
    const first = openLocalSigner(folder);
    rmSync(join(folder, "proof.pub.pem"));
    writeFileSync(join(folder, "proof.pem.tmp"), "half");
    expect(openLocalSigner(folder).keyId).toBe(first.keyId);
    expect(readFileSync(join(folder, "proof.pub.pem"), "utf8")).toBe(first.publicKey);
  });

  it("keeps the public key of a private key that was replaced", () => {
    const folder = tempFolder();
    const former = openLocalSigner(folder);
    writeFileSync(join(folder, "proof.pem"), privatePem("P-256"));
    const next = openLocalSigner(folder);
    expect(next.keyId).not.toBe(former.keyId);
    expect(readPublicKeys(folder)).toEqual([next.publicKey, former.publicKey]);
    expect(readdirSync(folder)).toContain(`former-${former.keyId}.pub.pem`);
  });

  it("repairs a damaged public key from the private one", () => {
    const folder = tempFolder();
    const signer = openLocalSigner(folder);
    writeFileSync(join(folder, "proof.pub.pem"), "rubbish");
    openLocalSigner(folder);
    expect(readPublicKeys(folder)).toEqual([signer.publicKey]);
  });

  it("says CANNOT_CREATE when the folder's place is taken", () => {
    const folder = join(tempFolder(), "keys");
    writeFileSync(folder, "");
    expect(() => openLocalSigner(folder)).toThrow(expect.objectContaining({ code: "CANNOT_CREATE" }));
  });
});

describe("the public keys of a folder", () => {
  it("are none when there is no folder, and do not include the private key", () => {
    const folder = tempFolder();
    expect(readPublicKeys(join(folder, "nowhere"))).toEqual([]);
    mkdirSync(join(folder, "keys"));
    const signer = openLocalSigner(join(folder, "keys"));
    expect(readPublicKeys(join(folder, "keys"))).toEqual([signer.publicKey]);
  });
});
