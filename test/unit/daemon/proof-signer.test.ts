import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeKeyFile } from "../../../src/adapters/signing/key-files.ts";
import { privateProofKeys, readPublicKeys } from "../../../src/adapters/signing/local-signer.ts";
import type { KeyAlgorithm } from "../../../src/adapters/signing/public-key.ts";
import { openProofSigner, readExternalSigner } from "../../../src/daemon/proof-signer.ts";
import { realClock as clock } from "../../support/real-clock.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });

function room(algorithm: KeyAlgorithm = "P-256") {
  const folder = tempFolder();
  const key = makeKeyFile(folder, "kms", algorithm);
  const external = (signer: string, path = key.path) =>
    readExternalSigner({ "proof.signer": signer, "proof.public_key": path });
  const keysFolder = join(folder, "keys");
  const open = (signer: string) =>
    openProofSigner(external(signer), { keysFolder, environment: {}, bootId: "boot", clock });
  return { folder, key, keysFolder, external, open };
}

describe("the configured signer of proofs", () => {
  it("is none without a name, and has its public key otherwise", () => {
    const { key, external } = room();
    expect(external("", "")).toBeNull();
    expect(external("exec:sign --now")).toEqual({
      spelling: { kind: "exec", command: "sign --now" },
      publicKey: expect.objectContaining({ keyId: key.keyId, pem: key.pem }),
    });
  });

  it("is refused with a public key that is not there, that is none, or that no ssh-agent signs with", () => {
    const { folder, external } = room();
    writeFileSync(join(folder, "empty"), "");
    expect(() => external("exec:sign", join(folder, "none"))).toThrow(code("CONFIG_UNREADABLE"));
    expect(() => external("exec:sign", join(folder, "empty"))).toThrow(code("KEY_UNREADABLE"));
    expect(() => external("exec:sign", join(folder, "kms.pem"))).toThrow(/not a public key/);
    expect(() => external("ssh-agent")).toThrow(/holds a P-256 key/);
    expect(room("Ed25519").external("ssh-agent:me")?.spelling).toEqual({ kind: "ssh-agent", wanted: "me" });
  });

  it("has its public key put into the place of the former one, and no private key made", () => {
    const { key, keysFolder, open } = room();
    const local = open("");
    expect(local.seal.sign).not.toBeNull();
    const external = open("exec:exit 1");
    expect(external.seal).toEqual({ keyId: key.keyId, sign: null });
    expect(readPublicKeys(keysFolder)).toEqual([key.pem, local.signer.publicKey]);
    expect(privateProofKeys(keysFolder)).toEqual(["proof.pem"]);
    open("exec:exit 1");
    expect(readPublicKeys(keysFolder)).toHaveLength(2);
    expect(open("").signer.keyId).toBe(local.signer.keyId);

    const fresh = room();
    fresh.open("exec:exit 1");
    expect(readdirSync(fresh.keysFolder)).toEqual(["proof.pub.pem"]);
    expect(readFileSync(join(fresh.keysFolder, "proof.pub.pem"), "utf8")).toBe(fresh.key.pem);
    expect(privateProofKeys(join(fresh.keysFolder, "none"))).toEqual([]);
    // Its key is not here: that no other one takes its place is for somebody to decide.
    expect(() => fresh.open("")).toThrow(code("KEY_UNREADABLE"));
    expect(existsSync(join(fresh.keysFolder, "proof.pem"))).toBe(false);
  });
});
