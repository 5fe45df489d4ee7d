import { canonicalBytes, canonicalJson } from "../kernel/canonical-json.ts";
import { isoTime } from "../kernel/clock.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { type Manifest, MANIFEST_FILE } from "./manifest.ts";
import { type NamedDigest, STATEMENT_TYPE } from "./statement.ts";

export const PACKAGE_PREDICATE_TYPE = "urn:cascade:attestation:package:v1";

/**
 * What an author signs: an in-toto Statement v1 whose subject is `manifest.json`, which names every other file by digest.
 * Described in docs/trust.md.
 */
export interface PackageStatement {
  _type: typeof STATEMENT_TYPE;
  subject: readonly [NamedDigest];
  predicateType: typeof PACKAGE_PREDICATE_TYPE;
  predicate: PackagePredicate & {
    /** When it was signed, by the signer's clock; nothing is decided by it. */
    createdOn: string;
  };
}

/** What follows from the manifest, so that a reader can hold the two against each other. */
export interface PackagePredicate {
  name: string;
  version: string;
  /** SHA-256 of the RFC 8785 bytes of the manifest's fingerprint, and of its list of files. */
  fingerprint: Digest;
  filesDigest: Digest;
}

export function packageStatement(manifest: Manifest, packageDigest: Digest, createdOn: number): PackageStatement {
  return {
    _type: STATEMENT_TYPE,
    subject: [{ digest: { sha256: packageDigest }, name: MANIFEST_FILE }],
    predicateType: PACKAGE_PREDICATE_TYPE,
    predicate: { ...predicateOf(manifest), createdOn: isoTime(createdOn) },
  };
}

/** The bytes that are signed, as text: RFC 8785. */
export function packageStatementText(statement: PackageStatement): string {
  return canonicalJson(statement);
}

function predicateOf({ name, version, fingerprint, files }: Manifest): PackagePredicate {
  return {
    name,
    version,
    fingerprint: sha256(canonicalBytes(fingerprint)),
    filesDigest: sha256(canonicalBytes(files)),
  };
}

/**
 * How a signed text is not the statement about this package; undefined when it is. Beside the time of signing every byte
 * follows from the package, so nothing else is taken.
 */
export function packageStatementProblem(text: string, manifest: Manifest, packageDigest: Digest): string | undefined {
  let createdOn: unknown;
  let subject: unknown;
  try {
    const value = JSON.parse(text) as Partial<PackageStatement> | null;
    createdOn = value?.predicate?.createdOn;
    subject = value?.subject?.[0]?.digest?.sha256;
  } catch {
    return "what is signed is not JSON";
  }
  if (typeof subject === "string" && subject !== packageDigest) return `it is about package ${subject}`;
  const time = typeof createdOn === "string" ? Date.parse(createdOn) : NaN;
  if (Number.isNaN(time)) return "what is signed is no statement about a package";
  const expected = packageStatementText(packageStatement(manifest, packageDigest, time));
  return text === expected ? undefined : "what is signed does not agree with the manifest";
}
