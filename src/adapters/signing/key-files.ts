import { createPrivateKey, type KeyObject } from "node:crypto";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { CascadeError } from "../../kernel/errors.ts";

const kinds = {
  p256: { name: "P-256", is: (key: KeyObject) => key.asymmetricKeyDetails?.namedCurve === "prime256v1" },
  ed25519: { name: "Ed25519", is: (key: KeyObject) => key.asymmetricKeyType === "ed25519" },
} as const;

/** Reads a private key that no one else may read. Throws `KEY_UNREADABLE`. */
export function readPrivateKey(path: string, kind: keyof typeof kinds): KeyObject {
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
  if (!kinds[kind].is(key)) throw unreadable(`${path} does not hold a ${kinds[kind].name} key`);
  return key;
}

export function makeKeysFolder(path: string): void {
  create(() => mkdirSync(path, { recursive: true, mode: 0o700 }));
}

/** Throws `CANNOT_CREATE` when the action fails. */
export function create(action: () => void): void {
  try {
    action();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CascadeError("CANNOT_CREATE", `the keys cannot be written: ${reason}`, { cause: error });
  }
}

export function unreadable(message: string, cause?: unknown, hint?: string): CascadeError {
  return new CascadeError("KEY_UNREADABLE", message, { cause, ...(hint === undefined ? {} : { hint }) });
}
