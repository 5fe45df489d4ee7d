import type { PackageSignature } from "../domain/package-signature.ts";
import type { PackageFileRecord, PackageRecord, PackageTrust } from "../domain/registry.ts";
import type { Digest } from "../kernel/digest.ts";

/** What the registry knows, as last written. */
export interface RegistryState {
  /** By `filePath`. */
  files: ReadonlyMap<string, PackageFileRecord>;
  /** The loaded packages. */
  packages: ReadonlyMap<Digest, PackageRecord>;
  /** The active version of each package, by name. */
  active: ReadonlyMap<string, Digest>;
}

/** Whether the file's own package may be loaded, if no other file of its name and version stands in its way. */
export function isCandidate(
  record: PackageFileRecord,
): record is PackageFileRecord & { package: NonNullable<PackageFileRecord["package"]> } {
  return record.package !== null && (record.error === null || record.error.code === "PACKAGE_CONFLICT");
}

/**
 * A package may lie in several files, with other signatures and in folders whose rules differ; under one policy every key counts
 * that counted in any of them.
 */
export function joinedTrust(known: PackageTrust | undefined, more: PackageTrust): PackageTrust {
  if (!known || known.policy !== more.policy) return more;
  return {
    policy: more.policy,
    signers: [...new Set([...known.signers, ...more.signers])].sort(),
    countedSince: { ...more.countedSince, ...known.countedSince },
    signatures: joinedSignatures(known.signatures, more.signatures),
  };
}

/** One for each key, those of `more` first, sorted by key. */
export function joinedSignatures(
  known: readonly PackageSignature[],
  more: readonly PackageSignature[],
): readonly PackageSignature[] {
  const byKey = new Map([...known, ...more].map((signature) => [signature.keyId, signature]));
  return [...byKey.values()].sort((a, b) => (a.keyId < b.keyId ? -1 : 1));
}

export function sameTrust(known: PackageTrust, trust: PackageTrust): boolean {
  const ids = ({ signatures }: PackageTrust) => signatures.map(({ keyId }) => keyId).join();
  return known.policy === trust.policy && known.signers.join() === trust.signers.join() && ids(known) === ids(trust);
}
