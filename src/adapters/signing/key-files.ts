import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fsyncFolder } from "../../kernel/atomic-file.ts";
import { CascadeError, systemErrorCode, toCascadeError } from "../../kernel/errors.ts";
import type { Signer } from "../../ports/signer.ts";
import { digestFor, type KeyAlgorithm, type PublicKey, publicKeyOf, readPublicKey } from "./public-key.ts";

const PRIVATE = ".pem";
const PUBLIC = ".pub.pem";

/** A key in a folder: `NAME.pem` (PKCS#8, mode 0600) and `NAME.pub.pem` (SPKI). */
export interface KeyFile extends PublicKey {
  name: string;
  /** The public key's file. */
  path: string;
  /** Whether the private key lies beside it. */
  hasPrivate: boolean;
}

export function privateKeyPath(folder: string, name: string): string {
  return join(folder, name + PRIVATE);
}

export function publicKeyPath(folder: string, name: string): string {
  return join(folder, name + PUBLIC);
}

/** Makes a key. Never replaces a file: throws `KEY_EXISTS` then, else `CANNOT_CREATE`. */
export function makeKeyFile(folder: string, name: string, algorithm: KeyAlgorithm): KeyFile {
  const { privateKey, publicKey } = newKeyPair(algorithm);
  mkdir(folder);
  for (const path of [privateKeyPath(folder, name), publicKeyPath(folder, name)]) {
    if (existsSync(path)) throw new CascadeError("KEY_EXISTS", `there is a ${path} already`, { about: { name } });
  }
  writeNew(privateKeyPath(folder, name), privateKey.export({ type: "pkcs8", format: "pem" }).toString(), 0o600);
  writeNew(publicKeyPath(folder, name), publicKey.pem, 0o644);
  return { name, path: publicKeyPath(folder, name), hasPrivate: true, ...publicKey };
}

export function newKeyPair(algorithm: KeyAlgorithm): { privateKey: KeyObject; publicKey: PublicKey } {
  const { privateKey } =
    algorithm === "P-256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
  return { privateKey, publicKey: publicKeyOf(privateKey)! };
}

/** The keys of a folder by name; empty when there is no such folder. Files that hold no key that signs are left out. */
export function listKeyFiles(folder: string): KeyFile[] {
  let files: string[];
  try {
    files = readdirSync(folder).filter((file) => file.endsWith(PUBLIC));
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw new CascadeError("PERMISSION", `${folder} cannot be listed: ${toCascadeError(error).message}`, {
      cause: error,
    });
  }
  return files.sort().flatMap((file) => {
    const name = file.slice(0, -PUBLIC.length);
    const path = join(folder, file);
    try {
      const key = readPublicKey(readFileSync(path, "utf8"));
      return [{ name, path, hasPrivate: existsSync(privateKeyPath(folder, name)), ...key }];
    } catch {
      return [];
    }
  });
}

/** The signer of a private key in a file, which others may not read. Throws `KEY_UNREADABLE`. */
export function openKeyFile(path: string): Signer {
  return signerOf(readPrivateKey(path));
}

/** The signer of a private key that `readPrivateKey` or `newKeyPair` gave. */
export function signerOf(key: KeyObject): Signer {
  const { keyId, pem } = publicKeyOf(key)!;
  return {
    keyId,
    publicKey: pem,
    async sign(bytes) {
      return sign(digestFor(key), bytes, { key, dsaEncoding: "der" });
    },
  };
}

/** Reads a private key that others may not read, of any kind that signs or of one. Throws `KEY_UNREADABLE`. */
export function readPrivateKey(path: string, wanted?: KeyAlgorithm): KeyObject {
  const unreadable = (reason: string, hint: string, cause?: unknown) =>
    new CascadeError("KEY_UNREADABLE", `${path} ${reason}`, { cause, hint });
  let pem: string;
  try {
    const mode = statSync(path).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      const octal = mode.toString(8).padStart(4, "0");
      throw unreadable(`has mode ${octal}: others may use the key`, `Run: chmod 0600 ${path}`);
    }
    pem = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof CascadeError) throw error;
    const hint = "Name the file of a private key that only you may read; `cascade key list` shows yours.";
    throw unreadable("cannot be read", hint, error);
  }
  let algorithm: KeyAlgorithm | undefined;
  try {
    const key = createPrivateKey(pem);
    algorithm = publicKeyOf(key)?.algorithm;
    if (algorithm !== undefined && algorithm === (wanted ?? algorithm)) return key;
  } catch (error) {
    const hint = "Restore the file from a backup, or name another one.";
    throw unreadable("does not hold a private key in PEM without a passphrase", hint, error);
  }
  const kinds = wanted === undefined ? "neither a P-256 nor an Ed25519 key" : `no ${wanted} key`;
  throw unreadable(`holds ${kinds}`, "Restore the file from a backup, or make a key with `cascade key new`.");
}

function mkdir(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw cannotCreate(folder, error);
  }
}

/** Durable when it returns. */
export function writeNew(path: string, text: string, mode: number): void {
  try {
    const file = openSync(path, "wx", mode);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    fsyncFolder(dirname(path));
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") throw new CascadeError("KEY_EXISTS", `there is a ${path} already`);
    throw cannotCreate(path, error);
  }
}

function cannotCreate(path: string, error: unknown): CascadeError {
  const reason = error instanceof Error ? error.message : String(error);
  return new CascadeError("CANNOT_CREATE", `${path} cannot be written: ${reason}`, { cause: error });
}
