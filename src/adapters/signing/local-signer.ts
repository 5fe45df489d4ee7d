import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../kernel/atomic-file.ts";
import { type Digest, sha256 } from "../../kernel/digest.ts";
import { CascadeError, systemErrorCode } from "../../kernel/errors.ts";
import type { Signer } from "../../ports/signer.ts";

const PRIVATE_KEY = "proof.pem";
const PUBLIC_KEY = "proof.pub.pem";
const PUBLIC_KEY_ENDING = ".pub.pem";

/**
 * The signer whose key lies in a folder: `proof.pem` (PKCS#8, mode 0600) and `proof.pub.pem` (SPKI), both made at the first
 * start. When the private key was replaced, the public key before it stays as `former-<key id>.pub.pem`, so that old proofs
 * can still be checked. Throws `KEY_UNREADABLE` or `CANNOT_CREATE`.
 */
export function openLocalSigner(keysFolder: string): Signer {
  makeFolder(keysFolder);
  const privateKey = existsSync(join(keysFolder, PRIVATE_KEY))
    ? readPrivateKey(keysFolder)
    : makePrivateKey(keysFolder);
  const publicKey = publicPem(privateKey);
  writePublicKey(keysFolder, publicKey);
  return {
    keyId: keyIdOf(publicKey),
    publicKey,
    async sign(bytes) {
      return sign("sha256", bytes, { key: privateKey, dsaEncoding: "der" });
    },
  };
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

function readPrivateKey(keysFolder: string): KeyObject {
  const path = join(keysFolder, PRIVATE_KEY);
  let pem: string;
  try {
    const mode = statSync(path).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      const octal = mode.toString(8).padStart(4, "0");
      throw unreadable(`${path} has mode ${octal}: others may read the key`, undefined, `Run: chmod 0600 ${path}`);
    }
    pem = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof CascadeError) throw error;
    throw unreadable(`${path} cannot be read`, error, `Make ${path} readable for the daemon's user alone, mode 0600.`);
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw unreadable(`${path} does not hold a private key in PEM without a passphrase`, error);
  }
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") throw unreadable(`${path} does not hold a P-256 key`);
  return key;
}

function makePrivateKey(keysFolder: string): KeyObject {
  // The private key is written first: a public one alone means that its private key was lost, not that a start was cut off.
  if (existsSync(join(keysFolder, PUBLIC_KEY))) {
    const hint = `Restore ${PRIVATE_KEY} from a backup; to go on with a new key, rename ${PUBLIC_KEY} to former${PUBLIC_KEY_ENDING}.`;
    throw unreadable(`${join(keysFolder, PRIVATE_KEY)} is missing, but its public key is there`, undefined, hint);
  }
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  create(() => writeFileAtomic(join(keysFolder, PRIVATE_KEY), pem, { mode: 0o600 }));
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

function makeFolder(path: string): void {
  create(() => mkdirSync(path, { recursive: true, mode: 0o700 }));
}

function create(action: () => void): void {
  try {
    action();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CascadeError("CANNOT_CREATE", `the keys cannot be written: ${reason}`, { cause: error });
  }
}

function unreadable(message: string, cause?: unknown, hint?: string): CascadeError {
  return new CascadeError("KEY_UNREADABLE", message, { cause, ...(hint === undefined ? {} : { hint }) });
}
