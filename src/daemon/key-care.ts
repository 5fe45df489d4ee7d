import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type KeyFile, listKeyFiles, makeKeyFile } from "../adapters/signing/key-files.ts";
import { type KeyAlgorithm, readPublicKey } from "../adapters/signing/public-key.ts";
import { type Rotation, rotateKeyFile } from "../adapters/signing/rotate-key.ts";
import { CascadeError } from "../kernel/errors.ts";
import { hostFacts, loadConfig, type Surroundings } from "./config-file.ts";
import { readDaemonFile } from "./daemon-file.ts";
import { configOfDaemon } from "./daemon-view.ts";
import { type DataFolder, dataFolderAt, dataFolderOfCommand } from "./data-folder.ts";
import { revokeKey } from "./key-revocation.ts";
import { authorKeysFolder, readText } from "./signers.ts";

/** The name of the key that signs proofs, in the data folder's `keys/`. */
const PROOF_KEY = "proof";

/** Which keys are meant: an author's, or the one of a daemon. */
export interface KeyPlace {
  /** The folder of authors' keys; undefined is the user's. */
  dir?: string | undefined;
  /** The proof key of a data folder instead. */
  proof?: true | undefined;
  data?: string | undefined;
}

export function makeKey(name: string, algorithm: KeyAlgorithm, place: KeyPlace, around: Surroundings): KeyFile {
  checkName(name);
  return makeKeyFile(folderOf(place, around), name, algorithm);
}

export function listKeys(place: KeyPlace, around: Surroundings): { folder: string; keys: readonly KeyFile[] } {
  const folder = folderOf(place, around);
  return { folder, keys: listKeyFiles(folder) };
}

/** The file of a public key: one of the author's own keys by its name, else the path that is named. */
export function publicKeyFile(named: string, around: Surroundings): string {
  const file = resolve(around.workingDir, named);
  if (named.includes("/") || existsSync(file)) return file;
  return listKeyFiles(authorKeysFolder(around)).find(({ name }) => name === named)?.path ?? file;
}

/** Throws `KEY_UNREADABLE` when there is no such private key. */
export function rotateKey(
  name: string | undefined,
  place: KeyPlace,
  around: Surroundings & { now: number },
): Promise<Rotation> {
  const folder = folderOf(place, around);
  const { now } = around;
  if (place.proof) {
    if (name !== undefined) throw new CascadeError("USAGE", "--proof names the key already");
    // As the daemon itself keeps former keys, so that `cascade verify` goes on to accept what they signed.
    return rotateKeyFile(folder, PROOF_KEY, { formerName: (keyId) => `former-${keyId}`, now });
  }
  if (name === undefined) throw new CascadeError("USAGE", "name the key to rotate, or --proof for the daemon's");
  checkName(name);
  return rotateKeyFile(folder, name, { formerName: (keyId) => `${name}.former-${keyId.slice(0, 16)}`, now });
}

export interface RevocationPlace extends KeyPlace {
  /** The trust policy; undefined is that of the daemon's configuration. */
  trust?: string | undefined;
  config?: string | undefined;
}

/** `key`: a name in the policy, a key id, the file of a public key, or one of the author's own keys. */
export function revoke(key: string, place: RevocationPlace, around: Surroundings & { uid: number }) {
  const { workingDir, uid, home } = around;
  const file = resolve(workingDir, key);
  const named = key.includes("/") || existsSync(file) ? readPublicKey(readText(file), key).keyId : key;
  const own = new Map(listKeyFiles(folderOf(place, around)).map(({ name, keyId }) => [name, keyId]));
  const policy = policyPlace(place, around);
  return { ...revokeKey(named, { ...policy, uid, home }, own), file: policy.path };
}

function policyPlace({ trust, config, data }: RevocationPlace, around: Surroundings & { uid: number }) {
  const { environment, workingDir, home, uid } = around;
  if (trust !== undefined) return { path: resolve(workingDir, trust), watch: [] };
  const folder = dataFolder(data, around);
  const facts = hostFacts(folder, environment);
  const flags = { watch: [], config: configOfDaemon(folder, config) };
  const { values } = loadConfig({ environment, workingDir, home, uid, flags, facts });
  const inForce = config === undefined ? readDaemonFile(folder.daemonFile)?.trust : null;
  return { path: inForce ?? values.trust, watch: values.watch };
}

function folderOf({ dir, proof, data }: KeyPlace, around: Surroundings): string {
  if (proof) return dataFolder(data, around).keys;
  return dir === undefined ? authorKeysFolder(around) : resolve(around.workingDir, dir);
}

function dataFolder(flag: string | undefined, around: Surroundings): DataFolder {
  return dataFolderAt(dataFolderOfCommand({ flag, ...around }).root);
}

function checkName(name: string): void {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) throw new CascadeError("NAME_INVALID", `"${name}" is no name of a key`);
}
