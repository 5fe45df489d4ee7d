import { canonicalJson } from "../kernel/canonical-json.ts";
import { isoTime } from "../kernel/clock.ts";
import type { Digest } from "../kernel/digest.ts";
import { STATEMENT_TYPE } from "./statement.ts";

export const KEY_PREDICATE_TYPE = "urn:cascade:attestation:proof-key:v1";

/** The RFC 8785 text of the statement that from here on another key signs; signed by that key. */
export function keyStatementText(key: Digest, previous: Digest, at: number): string {
  return canonicalJson({
    _type: STATEMENT_TYPE,
    subject: [{ name: "proof.pub.pem", digest: { sha256: key } }],
    predicateType: KEY_PREDICATE_TYPE,
    predicate: { changedOn: isoTime(at), previous },
  });
}
