import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../kernel/atomic-file.ts";
import { sha256 } from "../../kernel/digest.ts";
import type { TlogKeys, TlogSigner } from "../../ports/tlog-signer.ts";
import { readPrivateKey } from "./key-files.ts";
import { create, makeKeysFolder } from "./key-folder.ts";

/** What of an Ed25519 key's SPKI DER (RFC 8410) is the key. */
const RAW_KEY_BYTES = 32;

/** The keys of the logs of a data folder: `<origin>.log.pem` in its `keys/`, PKCS#8, mode 0600, one for each log. */
export function createTlogKeys(keysFolder: string): TlogKeys {
  const pathOf = (origin: string) => join(keysFolder, `${origin}.log.pem`);
  return {
    async open(origin) {
      const path = pathOf(origin);
      return existsSync(path) ? signerOf(origin, readPrivateKey(path, "Ed25519")) : undefined;
    },
    async create(wanted) {
      makeKeysFolder(keysFolder);
      const { privateKey } = generateKeyPairSync("ed25519");
      const origin = wanted ?? `${sha256(rawPublicKey(privateKey)).slice(0, 16)}.cascade.internal`;
      const pem = privateKey.export({ type: "pkcs8", format: "pem" });
      create(() => writeFileAtomic(pathOf(origin), pem, { mode: 0o600 }));
      return signerOf(origin, privateKey);
    },
  };
}

function signerOf(origin: string, privateKey: KeyObject): TlogSigner {
  return {
    origin,
    publicKey: rawPublicKey(privateKey),
    async sign(bytes) {
      return sign(null, bytes, privateKey);
    },
  };
}

function rawPublicKey(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ type: "spki", format: "der" }).subarray(-RAW_KEY_BYTES);
}
