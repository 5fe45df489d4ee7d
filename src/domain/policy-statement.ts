import { canonicalJson } from "../kernel/canonical-json.ts";
import { isoTime } from "../kernel/clock.ts";
import type { Digest } from "../kernel/digest.ts";
import type { NewStatement } from "./sealed-statement.ts";
import { STATEMENT_TYPE } from "./statement.ts";
import type { TrustPolicy } from "./trust-policy.ts";

export const POLICY_PREDICATE_TYPE = "urn:cascade:attestation:trust-policy:v1";

/** That another trust policy holds, or none any more, from a moment on. */
export interface PolicyChange {
  /** The digest of the policy that held until then; null when there was none. */
  from: Digest | null;
  /** The one that holds from then on; null when there is none any more. Never equal to `from`. */
  to: Digest | null;
  /** Of the file of the new one; null without one. */
  uri: string | null;
  /** A URI for the engine that goes by it. */
  engine: string;
  at: number;
}

/** The trust policy that holds. */
export type PolicyInForce = Pick<TrustPolicy, "digest" | "uri">;

/** A change of policy with its statement, as it is stored. */
export interface NotedPolicy extends Pick<PolicyChange, "from" | "to" | "uri" | "at"> {
  statement: NewStatement;
}

/**
 * The RFC 8785 text of the statement. Its subject is the policy that holds from here on; of one that was taken away, the policy
 * that held until here, because a subject needs a digest.
 */
export function policyStatementText({ from, to, uri, engine, at }: PolicyChange): string {
  return canonicalJson({
    _type: STATEMENT_TYPE,
    subject: [{ name: "trust.toml", digest: { sha256: to ?? from } }],
    predicateType: POLICY_PREDICATE_TYPE,
    predicate: { changedOn: isoTime(at), engine, policy: to, previous: from, uri },
  });
}
