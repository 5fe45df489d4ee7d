import compareVersions from "semver/functions/compare-build.js";
import type { Digest } from "../kernel/digest.ts";
import type { ErrorCode } from "../kernel/error-catalogue.ts";
import type { PackageIdentity } from "./manifest.ts";
import { isContentVersion } from "./package-file.ts";
import type { CheckedSignature } from "./package-signature.ts";
import { type FolderRule, fitsNames, type PackageKey, ruleFor, type TrustPolicy } from "./trust-policy.ts";

export interface AdmissionCase {
  policy: TrustPolicy;
  /** The watched folder it lies in. */
  folder: string;
  package: PackageIdentity;
  /** Checked with the policy's keys. */
  signatures: readonly CheckedSignature[];
  /** The highest version of this name that a policy has admitted and that is not revoked; null without one. */
  highestAdmitted: string | null;
  /** For which keys have to be valid that have never counted for it. */
  now: number;
  /** For those that have, when they first did. */
  countedSince: Readonly<Record<Digest, number>>;
  /** The path without symbolic links: rules hold for folders, whatever they are called. */
  realPath(path: string): string;
}

export type AdmissionVerdict =
  | {
      admitted: true;
      /** The keys whose signatures counted; empty for a package that is let in unsigned. */
      signers: readonly Digest[];
      /** What the policy wants somebody to hear. */
      warnings: readonly string[];
    }
  | { admitted: false; code: ErrorCode; message: string };

/** Decides whether a package may be loaded from a folder. What is revoked or wrongly signed never is, whatever the folder allows. */
export function admit(given: AdmissionCase): AdmissionVerdict {
  const { policy, folder, package: identity, signatures } = given;
  const rule = ruleFor(policy, folder, given.realPath);
  const what = `${identity.name} ${identity.version}`;
  const refuse = (code: ErrorCode, message: string): AdmissionVerdict => ({ admitted: false, code, message });
  if (policy.revoked.packages.has(identity.digest)) {
    return refuse("PACKAGE_REVOKED", `${what} (${identity.digest}) is revoked by the trust policy`);
  }
  const bad = signatures.find(({ verdict }) => verdict === "bad");
  if (bad) {
    const message = `the signature of ${keyName(policy, bad.keyId)} on ${what} is not valid: ${bad.problem}`;
    return refuse("PACKAGE_SIGNATURE_INVALID", message);
  }
  const revoked = signatures.find(({ keyId }) => policy.revoked.keys.has(keyId));
  const weighed = signatures.map(({ keyId, verdict }) => ({
    keyId,
    objection:
      verdict === "good"
        ? keyObjection(keyId, rule, policy, given.countedSince[keyId] ?? given.now)
        : untrusted(keyId, rule, policy),
  }));
  const signers = weighed.filter(({ objection }) => objection === undefined).map(({ keyId }) => keyId);
  // A stolen key beside good ones harms nothing; alone, its package must not pass for an unsigned one.
  if (revoked && signers.length < rule.threshold) {
    return refuse("PACKAGE_KEY_REVOKED", `${what} is signed by the revoked ${keyName(policy, revoked.keyId)}`);
  }
  if (!fitsNames(identity.name, rule.names)) {
    const names = rule.names.map((name) => `"${name}"`).join(", ");
    return refuse("PACKAGE_NAME_REFUSED", `${folder} may bring packages named ${names}, not ${identity.name}`);
  }
  const { highestAdmitted } = given;
  // Two versions by content have no order.
  const isOrdered =
    highestAdmitted !== null && !(isContentVersion(identity.version) && isContentVersion(highestAdmitted));
  if (rule.rollback === "refuse" && isOrdered && isLower(identity.version, highestAdmitted)) {
    return refuse("PACKAGE_ROLLBACK", `${what} is lower than ${highestAdmitted}, which was admitted before`);
  }
  if (signers.length >= rule.threshold) return { admitted: true, signers: signers.toSorted(), warnings: [] };

  const lack = lackOf(what, rule, signers.length, weighed);
  if (rule.unsigned === "refuse") return refuse(lack.code, lack.message);
  return { admitted: true, signers: [], warnings: rule.unsigned === "warn" ? [lack.message] : [] };
}

export interface Objection {
  code: ErrorCode;
  reason: string;
}

/** Why a good signature of a key does not count under a folder's rule at an instant; undefined when it does. */
export function keyObjection(keyId: Digest, rule: FolderRule, policy: TrustPolicy, now: number): Objection | undefined {
  const name = keyName(policy, keyId);
  if (policy.revoked.keys.has(keyId)) return { code: "PACKAGE_KEY_REVOKED", reason: `${name} is revoked` };
  const key = policy.keys.get(keyId);
  if (!key || !rule.keys.includes(keyId)) return untrusted(keyId, rule, policy);
  const term = termProblem(key, now);
  return term === undefined ? undefined : { code: "PACKAGE_KEY_EXPIRED", reason: `${name} ${term}` };
}

function untrusted(keyId: Digest, rule: FolderRule, policy: TrustPolicy): Objection {
  return { code: "PACKAGE_KEY_UNTRUSTED", reason: `${keyName(policy, keyId)} is not trusted for ${rule.path}` };
}

function termProblem({ notBefore, notAfter }: PackageKey, now: number): string | undefined {
  if (notBefore !== null && now < notBefore) return `is not valid before ${new Date(notBefore).toISOString()}`;
  if (notAfter !== null && now > notAfter) return `is not valid after ${new Date(notAfter).toISOString()}`;
  return undefined;
}

/** What is missing: of several reasons the one nearest to a good signature. */
function lackOf(
  what: string,
  { threshold }: FolderRule,
  count: number,
  weighed: readonly { objection: Objection | undefined }[],
): { code: ErrorCode; message: string } {
  const objections = weighed.flatMap(({ objection }) => objection ?? []);
  const reasons = objections.map(({ reason }) => reason).join("; ");
  if (count > 0) {
    const others = reasons === "" ? "" : `; not counted: ${reasons}`;
    const message = `${what} has ${count} of the ${threshold} signatures that are needed${others}`;
    return { code: "PACKAGE_THRESHOLD", message };
  }
  const nearest = objections.find(({ code }) => code === "PACKAGE_KEY_EXPIRED") ?? objections[0];
  if (!nearest) return { code: "PACKAGE_UNSIGNED", message: `${what} is not signed` };
  return { code: nearest.code, message: `no signature on ${what} counts: ${reasons}` };
}

function keyName({ keys }: TrustPolicy, keyId: Digest): string {
  const key = keys.get(keyId);
  return key ? `key "${key.name}" (${keyId.slice(0, 12)})` : `key ${keyId}`;
}

/** By semantic version, prereleases included; build metadata decides between equal ones. */
export function isLower(version: string, other: string): boolean {
  return compareVersions(version, other) < 0;
}
