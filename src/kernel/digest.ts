import { createHash } from "node:crypto";

/** SHA-256 as 64 lowercase hex digits. */
export type Digest = string;

export function sha256(bytes: string | Uint8Array): Digest {
  return createHash("sha256").update(bytes).digest("hex");
}

export function isDigest(text: string): text is Digest {
  return /^[0-9a-f]{64}$/.test(text);
}
