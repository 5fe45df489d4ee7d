import { type Digest, isDigest, sha256 } from "../kernel/digest.ts";
import { toCascadeError } from "../kernel/errors.ts";
import { parseBundle } from "./bundle.ts";
import { statementPae } from "./dsse.ts";
import type { Manifest } from "./manifest.ts";
import { packageStatementProblem } from "./package-statement.ts";

/** Signatures lie in the archive beside the files that the manifest lists, so that signing makes no new package. */
export const SIGNATURES_FOLDER = "signatures";
const ENDING = ".sigstore.json";
/** A signature takes about one and a half kilobytes. */
export const signatureLimits = { count: 16, bytes: 16 * 1024 } as const;

/** One signature of a package: a Sigstore bundle v0.3 over a package statement. */
export interface PackageSignature {
  /** Hex SHA-256 of the public key's SPKI DER, from the file's name: a hint. */
  keyId: Digest;
  /** The file's text. */
  bundle: string;
}

export function signaturePath(keyId: Digest): string {
  return `${SIGNATURES_FOLDER}/${keyId}${ENDING}`;
}

/** The key that a signature's path names; undefined when the path is not that of a signature. */
export function keyOfSignaturePath(path: string): Digest | undefined {
  const name = path.startsWith(`${SIGNATURES_FOLDER}/`) ? path.slice(SIGNATURES_FOLDER.length + 1) : "";
  const keyId = name.slice(0, -ENDING.length);
  return name.endsWith(ENDING) && isDigest(keyId) ? keyId : undefined;
}

/** SHA-256 of the file: what an admission statement names it by. */
export function signatureDigest({ bundle }: PackageSignature): Digest {
  return sha256(bundle);
}

/**
 * good     the key has signed this package.
 * bad      it has not: other bytes, another package, or no bundle at all.
 * unknown  the key is not one of those given, so nobody can tell.
 */
export interface CheckedSignature {
  keyId: Digest;
  verdict: "good" | "bad" | "unknown";
  /** Why it is bad; else empty. */
  problem: string;
}

/** What judges a signature: ECDSA P-256 with SHA-256 in DER, or Ed25519, by the kind of the key. */
export type IsSignedBy = (publicKey: string, bytes: Uint8Array, signature: Uint8Array) => boolean;

/** Checks the form of a signature and, if its key is known, whether that key made it. Asks for no rights of the key. */
export function checkSignature(
  { keyId, bundle }: PackageSignature,
  signed: { manifest: Manifest; digest: Digest },
  publicKeyOf: (keyId: Digest) => string | undefined,
  isSignedBy: IsSignedBy,
): CheckedSignature {
  const bad = (problem: string): CheckedSignature => ({ keyId, verdict: "bad", problem });
  let sealed;
  try {
    sealed = parseBundle(bundle);
  } catch (error) {
    return bad(toCascadeError(error).message);
  }
  if (sealed.keyId !== keyId) return bad(`it names key ${sealed.keyId}`);
  const problem = packageStatementProblem(sealed.statement, signed.manifest, signed.digest);
  if (problem !== undefined) return bad(problem);
  const publicKey = publicKeyOf(keyId);
  if (publicKey === undefined) return { keyId, verdict: "unknown", problem: "" };
  const isGood = isSignedBy(publicKey, statementPae(sealed.statement), Buffer.from(sealed.signature, "base64"));
  return isGood ? { keyId, verdict: "good", problem: "" } : bad("it was not made by the key that it names");
}
