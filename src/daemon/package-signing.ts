import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { createPackageArchive } from "../adapters/archive/package-archive.ts";
import { withSignatures } from "../adapters/archive/sign-archive.ts";
import { isSignedBy, readPublicKey } from "../adapters/signing/public-key.ts";
import { admit, type AdmissionVerdict } from "../domain/admission.ts";
import { bundleText } from "../domain/bundle.ts";
import type { PackageIdentity } from "../domain/manifest.ts";
import { checkSignature, type CheckedSignature, type PackageSignature } from "../domain/package-signature.ts";
import { packageStatement, packageStatementText } from "../domain/package-statement.ts";
import { signStatement } from "../domain/sealed-statement.ts";
import type { PackageKey, TrustPolicy } from "../domain/trust-policy.ts";
import { sha256 } from "../kernel/digest.ts";
import { CascadeError, systemErrorCode } from "../kernel/errors.ts";
import type { PackageContent } from "../ports/package-archive.ts";
import type { Signer } from "../ports/signer.ts";
import { commandChecks } from "./check-thread.ts";
import { realPath } from "./real-path.ts";
import { replaceFile } from "./replace-file.ts";

export interface SignedPackage {
  package: PackageIdentity;
  bytes: Buffer;
  /** False when the key had signed it already: then nothing has changed. */
  added: boolean;
  /** The keys that have signed it now. */
  signers: readonly string[];
}

/** Adds a signature to a `.cascade` file in memory, keeping those of others. Rejects with what is wrong with the file. */
export async function signPackage(bytes: Buffer, signer: Signer, now: number): Promise<SignedPackage> {
  const content = await readContent(bytes);
  const others = content.signatures.filter(({ keyId }) => keyId !== signer.keyId);
  const own = content.signatures.find(({ keyId }) => keyId === signer.keyId);
  const isGood = own && checkSignature(own, content, () => signer.publicKey, isSignedBy).verdict === "good";
  const signatures = isGood ? content.signatures : [...others, await signatureOf(content, signer, now)];
  return {
    package: identityOf(content),
    bytes: isGood ? bytes : withSignatures(content, signatures),
    added: !isGood,
    signers: signatures.map(({ keyId }) => keyId),
  };
}

/** Signs the file in its place: whole or not at all. */
export async function signPackageFile(path: string, signer: Signer, now: number): Promise<SignedPackage> {
  const signed = await signPackage(readPackage(path), signer, now);
  if (signed.added) replaceFile(path, signed.bytes);
  return signed;
}

async function signatureOf(
  { manifest, digest }: PackageContent,
  signer: Signer,
  now: number,
): Promise<PackageSignature> {
  const statement = packageStatementText(packageStatement(manifest, digest, now));
  return { keyId: signer.keyId, bundle: bundleText({ ...(await signStatement(statement, signer)), entry: null }) };
}

export interface PackageVerification {
  package: PackageIdentity;
  signatures: readonly (CheckedSignature & { name: string | null })[];
  verdict: AdmissionVerdict;
}

/** What a daemon with this policy would decide on the file if it lay in the folder, leaving aside what it has loaded before. */
export async function verifyPackageFile(
  path: string,
  { policy, folder = dirname(path), now }: { policy: TrustPolicy; folder?: string | undefined; now: number },
): Promise<PackageVerification> {
  const content = await readContent(readPackage(path));
  const publicKeyOf = (keyId: string) => policy.keys.get(keyId)?.publicKey;
  const signatures = content.signatures.map((signature) => checkSignature(signature, content, publicKeyOf, isSignedBy));
  const identity = identityOf(content);
  return {
    package: identity,
    signatures: signatures.map((checked) => ({ ...checked, name: policy.keys.get(checked.keyId)?.name ?? null })),
    verdict: admit({
      policy,
      folder,
      package: identity,
      signatures,
      highestAdmitted: null,
      now,
      countedSince: {},
      realPath,
    }),
  };
}

/** A policy that takes packages which one of these keys has signed. Throws `KEY_UNREADABLE`. */
export function policyOfKeys(keys: readonly { name: string; pem: string }[]): TrustPolicy {
  const known = keys.map(({ name, pem }): PackageKey => {
    const { keyId, pem: publicKey } = readPublicKey(pem, name);
    return { name, keyId, publicKey, notBefore: null, notAfter: null };
  });
  return {
    uri: "urn:cascade:given-keys",
    digest: sha256(known.map(({ keyId }) => keyId).join()),
    keys: new Map(known.map((key) => [key.keyId, key])),
    folders: [],
    revoked: { keys: new Set(), packages: new Set() },
  };
}

function identityOf({ manifest, digest }: PackageContent): PackageIdentity {
  return { name: manifest.name, version: manifest.version, digest };
}

async function readContent(bytes: Buffer): Promise<PackageContent> {
  const reading = await createPackageArchive({ checks: commandChecks() }).read(bytes);
  if (reading.kind === "whole") return reading.content;
  throw reading.error;
}

function readPackage(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CascadeError(
      "PACKAGE_UNREADABLE",
      `${path} cannot be read (${systemErrorCode(error) ?? String(error)})`,
      {
        cause: error,
        hint: "Name a .cascade file that can be read.",
      },
    );
  }
}
