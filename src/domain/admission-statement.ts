import { canonicalJson } from "../kernel/canonical-json.ts";
import { isoTime } from "../kernel/clock.ts";
import type { Digest } from "../kernel/digest.ts";
import { MANIFEST_FILE, type PackageIdentity } from "./manifest.ts";
import { signaturePath } from "./package-signature.ts";
import { STATEMENT_TYPE } from "./statement.ts";

/** https://slsa.dev/spec/v1.0/verification_summary */
export const VSA_PREDICATE_TYPE = "https://slsa.dev/verification_summary/v1";

export interface AdmissionFacts {
  package: PackageIdentity;
  policy: { uri: string; digest: Digest };
  /** The signatures that counted, by the digest of their file. Empty when the policy let it in without. */
  signatures: readonly { keyId: Digest; digest: Digest }[];
  /** A URI for the engine that admits it, and the version of the program. */
  verifier: { id: string; version: string };
  at: number;
}

/**
 * The statement that a package was admitted, as text: a SLSA verification summary in RFC 8785 bytes. It claims no build level,
 * since it is authors' signatures that were looked at and no provenance.
 */
export function admissionStatementText({
  package: identity,
  policy,
  signatures,
  verifier,
  at,
}: AdmissionFacts): string {
  const { name, version, digest } = identity;
  return canonicalJson({
    _type: STATEMENT_TYPE,
    subject: [{ name: MANIFEST_FILE, digest: { sha256: digest } }],
    predicateType: VSA_PREDICATE_TYPE,
    predicate: {
      verifier: { id: verifier.id, version: { cascade: verifier.version } },
      timeVerified: isoTime(at),
      resourceUri: `pkg:cascade/${name}@${encodeURIComponent(version)}`,
      policy: { uri: policy.uri, digest: { sha256: policy.digest } },
      inputAttestations: signatures.map((signature) => ({
        uri: signaturePath(signature.keyId),
        digest: { sha256: signature.digest },
      })),
      verificationResult: "PASSED",
      verifiedLevels: [
        "SLSA_BUILD_LEVEL_UNEVALUATED",
        signatures.length > 0 ? "CASCADE_PACKAGE_SIGNED" : "CASCADE_PACKAGE_UNSIGNED",
      ],
      slsaVersion: "1.0",
    },
  });
}
