// Verifies the proof of a run with Sigstore's @sigstore/verify, and no code of Cascade:
//
//   node sigstore.mjs PROOF.sigstore.json proof.pub.pem trusted_root.json
//
// Thresholds: one transparency log, no certificates, no time stamps. Exits 0 when it is accepted and 1 when it is not.
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";

const [proof, key, root] = process.argv.slice(2).map((path) => readFileSync(path, "utf8"));
const publicKey = createPublicKey(key);
const material = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(root)), () => ({ publicKey, validFor: () => true }));
const verifier = new Verifier(material, { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0 });
try {
  verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(proof))));
  console.log("ok");
} catch (error) {
  console.log(`refused: ${error.message}`);
  process.exitCode = 1;
}
