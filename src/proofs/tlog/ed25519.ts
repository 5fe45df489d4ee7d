import { createPublicKey, verify } from "node:crypto";

/** Bytes of a raw public key. */
export const ED25519_KEY_BYTES = 32;
/** What stands before the raw key in its SPKI DER (RFC 8410). */
export const ED25519_SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** Whether the signature (64 bytes, RFC 8032) of the message is good under a raw public key; false for any other lengths. */
export function isEd25519Signature(publicKey: Buffer, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== ED25519_KEY_BYTES) return false;
  const jwk = { kty: "OKP", crv: "Ed25519", x: publicKey.toString("base64url") };
  return verify(null, message, createPublicKey({ key: jwk, format: "jwk" }), signature);
}
