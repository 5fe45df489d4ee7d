import type { Digest } from "../kernel/digest.ts";
import { keyObjection } from "./admission.ts";
import { type Difference, nameOf } from "./drift-side.ts";
import type { PackageRecord } from "./registry.ts";
import { ruleFor, type TrustPolicy } from "./trust-policy.ts";

/** A loaded package and the policy that would judge it now. */
export interface TrustCase {
  record: Pick<PackageRecord, "identity" | "policy" | "signers">;
  /** The watched folders that it is served from. */
  folders: readonly string[];
  policy: TrustPolicy | null;
  /** Where that policy is, or would be. */
  place: string;
  now: number;
  /** The path without symbolic links. */
  realPath(path: string): string;
}

/** Keys that counted when it was admitted and would not now. Without a policy no key is asked for. */
export function* signatureChanges({ record, folders, policy, now, realPath }: TrustCase): Iterable<Difference> {
  if (!policy) return;
  const { identity, signers } = record;
  const subject = nameOf(identity);
  if (policy.revoked.packages.has(identity.digest)) yield { subject, message: "the trust policy has revoked it" };
  const rules = folders.map((folder) => ruleFor(policy, folder, realPath));
  for (const keyId of signers) {
    const objections = rules.map((rule) => keyObjection(keyId, rule, policy, now));
    // A package may lie in several folders: one whose rule takes the key is enough.
    if (objections.includes(undefined)) continue;
    const reason = objections[0]?.reason;
    if (reason === undefined) {
      yield { subject, message: "no watched folder is known to hold it", isUnknown: true };
    } else yield { subject, message: `what admitted it does not count any more: ${reason}` };
  }
}

/** Another policy than the one that admitted it. */
export function* policyFileChanges({ record, policy, place }: TrustCase): Iterable<Difference> {
  if (record.policy === (policy?.digest ?? null)) return;
  const was = record.policy === null ? "without a trust policy" : `under the trust policy ${shown(record.policy)}`;
  const is = policy ? `${place} is ${shown(policy.digest)} now` : `there is no ${place} now`;
  yield { subject: nameOf(record.identity), message: `it was admitted ${was}, and ${is}` };
}

function shown(digest: Digest): string {
  return digest.slice(0, 12);
}
