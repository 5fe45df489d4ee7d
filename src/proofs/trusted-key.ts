import { createPublicKey, type KeyObject } from "node:crypto";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { CascadeError } from "../kernel/errors.ts";

/** A public key that whoever verifies has chosen to trust. */
export interface TrustedKey {
  /** Hex SHA-256 of its SPKI DER. */
  keyId: Digest;
  publicKey: KeyObject;
}

const HINT =
  "Name a file that holds a P-256 or Ed25519 public key in PEM (`-----BEGIN PUBLIC KEY-----`), such as keys/proof.pub.pem.";

/** Reads a P-256 or Ed25519 public key in PEM. Throws `KEY_UNREADABLE`, also for a private key: that one is not to be handed around. */
export function trustedKey(pem: string): TrustedKey {
  if (!pem.includes("-----BEGIN PUBLIC KEY-----")) throw unreadable("it is not a public key in PEM");
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey(pem);
  } catch (error) {
    throw unreadable("it is damaged", error);
  }
  const { asymmetricKeyType, asymmetricKeyDetails } = publicKey;
  if (asymmetricKeyType !== "ed25519" && asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw unreadable("it is neither a P-256 nor an Ed25519 key");
  }
  return { keyId: sha256(publicKey.export({ type: "spki", format: "der" })), publicKey };
}

function unreadable(reason: string, cause?: unknown): CascadeError {
  return new CascadeError("KEY_UNREADABLE", `the key cannot be used: ${reason}`, { cause, hint: HINT });
}
