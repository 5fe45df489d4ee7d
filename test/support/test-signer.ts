import { generateKeyPairSync, sign } from "node:crypto";
import { sha256 } from "../../src/kernel/digest.ts";
import type { Signer } from "../../src/ports/signer.ts";

/** A signer whose key lives as long as the test. */
export function createTestSigner(kind: "p256" | "ed25519" = "p256"): Signer {
  const { privateKey, publicKey } =
    kind === "p256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
  const digest = kind === "p256" ? "sha256" : null;
  return {
    keyId: sha256(publicKey.export({ type: "spki", format: "der" })),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
    sign: async (bytes) => sign(digest, bytes, { key: privateKey, dsaEncoding: "der" }),
  };
}
