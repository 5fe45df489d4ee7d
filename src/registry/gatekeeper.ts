import { admit } from "../domain/admission.ts";
import { admissionStatementText } from "../domain/admission-statement.ts";
import type { Manifest, PackageIdentity } from "../domain/manifest.ts";
import {
  checkSignature,
  type IsSignedBy,
  type PackageSignature,
  signatureDigest,
} from "../domain/package-signature.ts";
import type { PackageTrust } from "../domain/registry.ts";
import type { TrustPolicy } from "../domain/trust-policy.ts";
import { invariant } from "../kernel/assert.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { CascadeError, type ErrorView, errorView } from "../kernel/errors.ts";
import type { AdmissionBook } from "./admission-book.ts";

export interface GatekeeperPorts {
  /** As it is now: a reload replaces it. Null without a policy, which lets in everything. */
  policy(): TrustPolicy | null;
  book: Pick<AdmissionBook, "of" | "highest">;
  isSignedBy: IsSignedBy;
  /** The path without symbolic links. */
  realPath(path: string): string;
  /** A URI for this engine, and the version of the program: who admits. */
  verifier: { id: string; version: string };
}

export interface Candidate {
  identity: PackageIdentity;
  manifest: Manifest;
  signatures: readonly PackageSignature[];
  /** Of a package that is loaded already. */
  countedSince?: PackageTrust["countedSince"];
}

export type Judgement = { trust: PackageTrust; warnings: readonly string[] } | { error: ErrorView };

/** A package's admission, and the statement to sign and store for it if it is a new one. */
export interface Vouching {
  admission: Digest | null;
  statement: string | null;
}

/** Lets packages in or not, by the trust policy. */
export interface Gatekeeper {
  /** Digest of the policy that judges now. */
  policy(): Digest | null;
  judge(folder: string, candidate: Candidate, now: number): Judgement;
  /** One statement for a package under a policy with the signatures that counted; again only when one of these has changed. */
  vouch(identity: PackageIdentity, trust: PackageTrust, at: number): Vouching;
}

export function createGatekeeper({
  policy: current,
  book,
  isSignedBy,
  realPath,
  verifier,
}: GatekeeperPorts): Gatekeeper {
  /** By digest: a reload may come between a judgement and its statement. */
  const uris = new Map<Digest, string>();
  return {
    policy: () => current()?.digest ?? null,
    judge(folder, { identity, manifest, signatures, countedSince = {} }, now) {
      const policy = current();
      if (!policy) return { trust: { policy: null, signers: [], countedSince, signatures }, warnings: [] };
      uris.set(policy.digest, policy.uri);
      const signed = { manifest, digest: identity.digest };
      const publicKeyOf = (keyId: Digest) => policy.keys.get(keyId)?.publicKey;
      const verdict = admit({
        policy,
        folder,
        package: identity,
        signatures: signatures.map((signature) => checkSignature(signature, signed, publicKeyOf, isSignedBy)),
        highestAdmitted: book.highest(identity.name, policy.revoked),
        now,
        countedSince,
        realPath,
      });
      if (!verdict.admitted) return { error: errorView(new CascadeError(verdict.code, verdict.message)) };
      const { signers, warnings } = verdict;
      const counted = Object.fromEntries(signers.map((keyId) => [keyId, countedSince[keyId] ?? now]));
      const trust = { policy: policy.digest, signers, countedSince: { ...countedSince, ...counted }, signatures };
      return { trust, warnings };
    },
    vouch(identity, trust, at) {
      if (trust.policy === null) return { admission: null, statement: null };
      const prior = book.of(identity.digest);
      if (prior?.policy === trust.policy && prior.signers.join() === trust.signers.join()) {
        return { admission: prior.admission, statement: null };
      }
      const uri = uris.get(trust.policy);
      invariant(uri !== undefined, "a package is vouched for by the policy that judged it");
      const counted = trust.signatures.filter(({ keyId }) => trust.signers.includes(keyId));
      const statement = admissionStatementText({
        package: identity,
        policy: { uri, digest: trust.policy },
        signatures: counted.map((signature) => ({ keyId: signature.keyId, digest: signatureDigest(signature) })),
        verifier,
        at,
      });
      return { admission: sha256(statement), statement };
    },
  };
}
