import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { type Digest, sha256 } from "../../kernel/digest.ts";
import { CascadeError } from "../../kernel/errors.ts";

/** The kinds of keys that sign, by what Node calls their curve or type. */
const algorithms = { prime256v1: "P-256", ed25519: "Ed25519" } as const;
export type KeyAlgorithm = (typeof algorithms)[keyof typeof algorithms];

export interface PublicKey {
  /** Hex SHA-256 of its SPKI DER. */
  keyId: Digest;
  algorithm: KeyAlgorithm;
  /** SPKI PEM. */
  pem: string;
}

/** Reads a public key in PEM. Throws `KEY_UNREADABLE`, also for a private key: that one is not to be handed around. */
export function readPublicKey(pem: string, what = "the public key"): PublicKey {
  const unreadable = (reason: string, cause?: unknown) =>
    new CascadeError("KEY_UNREADABLE", `${what} cannot be used: ${reason}`, {
      cause,
      hint: "Name a P-256 or Ed25519 public key in PEM (`-----BEGIN PUBLIC KEY-----`), such as NAME.pub.pem.",
    });
  if (!pem.includes("-----BEGIN PUBLIC KEY-----")) throw unreadable("it is not a public key in PEM");
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw unreadable("it is damaged", error);
  }
  const known = publicKeyOf(key);
  if (!known) throw unreadable("it is neither a P-256 nor an Ed25519 key");
  return known;
}

/** The public half of a key; undefined when it is of no kind that signs here. */
export function publicKeyOf(key: KeyObject): PublicKey | undefined {
  const algorithm = algorithmOf(key);
  const half = key.type === "private" ? createPublicKey(key) : key;
  return (
    algorithm && {
      keyId: sha256(half.export({ type: "spki", format: "der" })),
      algorithm,
      pem: half.export({ type: "spki", format: "pem" }).toString(),
    }
  );
}

function algorithmOf(key: KeyObject): KeyAlgorithm | undefined {
  const kind = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType;
  return Object.entries(algorithms).find(([name]) => name === kind)?.[1];
}

/** Whether the key, in SPKI PEM, made the signature: ECDSA P-256 with SHA-256 in DER, or Ed25519. */
export function isSignedBy(publicKey: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey(publicKey);
  return verify(digestFor(key), bytes, { key, dsaEncoding: "der" }, signature);
}

/** The digest that goes with a key: Ed25519 takes the bytes themselves. */
export function digestFor(key: KeyObject): "sha256" | null {
  return key.asymmetricKeyType === "ed25519" ? null : "sha256";
}
