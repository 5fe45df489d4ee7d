import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../kernel/atomic-file.ts";
import { type Digest, sha256 } from "../../kernel/digest.ts";
import { CascadeError, systemErrorCode } from "../../kernel/errors.ts";
import type { Signer } from "../../ports/signer.ts";
import { readPrivateKey, signerOf } from "./key-files.ts";
import { create, makeKeysFolder } from "./key-folder.ts";

const PRIVATE_KEY = "proof.pem";
const PUBLIC_KEY = "proof.pub.pem";
const PUBLIC_KEY_ENDING = ".pub.pem";

/**
 * The signer whose key lies in a folder: `proof.pem` (PKCS#8, mode 0600) and `proof.pub.pem` (SPKI), both made at the first
 * start. When the private key was replaced, the public key before it stays as `former-<key id>.pub.pem`, so that old proofs
 * can still be checked. Throws `KEY_UNREADABLE` or `CANNOT_CREATE`.
 */
export function openLocalSigner(keysFolder: string): Signer {
  makeKeysFolder(keysFolder);
  const privateKey = readProofKey(keysFolder) ?? writeNewKey(join(keysFolder, PRIVATE_KEY));
  writePublicKey(keysFolder, publicPem(privateKey));
  return signerOf(privateKey);
}

const ANCHOR_KEY = "anchor.pem";

/**
 * The signer of what is posted to other logs, made when it is first asked for: `anchor.pem` (PKCS#8, mode 0600). A key of its own,
 * so that nothing that is signed for others can be taken for a proof. Throws `KEY_UNREADABLE` or `CANNOT_CREATE`.
 */
export function openAnchorSigner(keysFolder: string): Signer {
  makeKeysFolder(keysFolder);
  const path = join(keysFolder, ANCHOR_KEY);
  return signerOf(existsSync(path) ? readPrivateKey(path, "P-256") : writeNewKey(path));
}

/** Makes a public key the one in use of a folder, as `openLocalSigner` does with that of its own. Throws `CANNOT_CREATE`. */
export function putPublicKey(keysFolder: string, publicKey: string): void {
  makeKeysFolder(keysFolder);
  writePublicKey(keysFolder, publicKey);
}

/** The files of private keys in a folder that sign proofs, or did. Empty when there is no such folder. */
export function privateProofKeys(keysFolder: string): string[] {
  try {
    return readdirSync(keysFolder).filter((name) => name === PRIVATE_KEY || /^former-[0-9a-f]{64}\.pem$/.test(name));
  } catch {
    return [];
  }
}

/** The public keys of a folder in PEM, the one in use first and then the former ones. Empty when there is no such folder. */
export function readPublicKeys(keysFolder: string): string[] {
  try {
    const names = readdirSync(keysFolder).filter((name) => name.endsWith(PUBLIC_KEY_ENDING));
    const former = names.filter((name) => name !== PUBLIC_KEY).sort();
    return [...names.filter((name) => name === PUBLIC_KEY), ...former].map((name) =>
      readFileSync(join(keysFolder, name), "utf8"),
    );
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw unreadable(`the public keys in ${keysFolder} cannot be read`, error, "Make them readable.");
  }
}

/** The private key that signs proofs; undefined where a start makes the first one. Changes nothing. Throws `KEY_UNREADABLE`. */
export function readProofKey(keysFolder: string): KeyObject | undefined {
  const path = join(keysFolder, PRIVATE_KEY);
  if (existsSync(path)) return readPrivateKey(path, "P-256");
  // The private key is written first: a public one alone means that its private key was lost, not that a start was cut off.
  if (!existsSync(join(keysFolder, PUBLIC_KEY))) return undefined;
  const hint = `Restore ${PRIVATE_KEY} from a backup; to go on with a new key, rename ${PUBLIC_KEY} to former${PUBLIC_KEY_ENDING}.`;
  throw unreadable(`${path} is missing, but its public key is there`, undefined, hint);
}

function writeNewKey(path: string): KeyObject {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  create(() => writeFileAtomic(path, pem, { mode: 0o600 }));
  return privateKey;
}

function writePublicKey(keysFolder: string, publicKey: string): void {
  const path = join(keysFolder, PUBLIC_KEY);
  create(() => {
    const known = existsSync(path) ? readFileSync(path, "utf8") : undefined;
    if (known === publicKey) return;
    if (known !== undefined) writeFileAtomic(join(keysFolder, formerName(known)), known, { mode: 0o644 });
    writeFileAtomic(path, publicKey, { mode: 0o644 });
  });
}

/** A public key file that is damaged is kept under the digest of its bytes: it may still be of use to someone. */
function formerName(pem: string): string {
  try {
    return `former-${keyIdOf(pem)}${PUBLIC_KEY_ENDING}`;
  } catch {
    return `damaged-${sha256(pem)}.pem`;
  }
}

function publicPem(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
}

function keyIdOf(publicKey: string): Digest {
  return sha256(createPublicKey(publicKey).export({ type: "spki", format: "der" }));
}

function unreadable(message: string, cause?: unknown, hint?: string): CascadeError {
  return new CascadeError("KEY_UNREADABLE", message, { cause, ...(hint === undefined ? {} : { hint }) });
}
