import { canonicalJson } from "../kernel/canonical-json.ts";
import { isoTime } from "../kernel/clock.ts";
import type { Digest } from "../kernel/digest.ts";
import { STATEMENT_TYPE } from "./statement.ts";

export const ROTATION_PREDICATE_TYPE = "urn:cascade:attestation:key-rotation:v1";

/** The statement that one key takes the place of another, as text: RFC 8785. Both sign it. */
export function rotationStatementText(rotation: {
  former: { keyId: Digest; pem: string };
  next: { keyId: Digest; pem: string };
  at: number;
}): string {
  const { former, next, at } = rotation;
  return canonicalJson({
    _type: STATEMENT_TYPE,
    subject: [{ name: "key", digest: { sha256: next.keyId } }],
    predicateType: ROTATION_PREDICATE_TYPE,
    predicate: {
      former: { keyId: former.keyId, publicKey: former.pem },
      next: { keyId: next.keyId, publicKey: next.pem },
      rotatedOn: isoTime(at),
    },
  });
}
