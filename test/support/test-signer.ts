import { generateKeyPairSync, sign } from "node:crypto";
import { sha256 } from "../../src/kernel/digest.ts";
import type { Signer } from "../../src/ports/signer.ts";

/** A signer whose key lives as long as the test. */
export function createTestSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    keyId: sha256(publicKey.export({ type: "spki", format: "der" })),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
    sign: async (bytes) => sign("sha256", bytes, { key: privateKey, dsaEncoding: "der" }),
  };
}
