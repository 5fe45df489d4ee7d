import { canonicalJson } from "../kernel/canonical-json.ts";
import { isoTime } from "../kernel/clock.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { STATEMENT_TYPE } from "./statement.ts";

export const PRUNE_PREDICATE_TYPE = "urn:cascade:attestation:tlog-prune:v1";

export interface PruneFacts {
  origin: string;
  /** Leaves below this index go. */
  minimumIndex: number;
  /** The head that still covered all of them: the signed note. */
  checkpoint: string;
  /** The rule that they go by, in words. */
  policy: string;
  at: number;
}

/** The RFC 8785 text of the statement that leaves are pruned; it is in the log before any of them goes. */
export function pruneStatementText({ origin, minimumIndex, checkpoint, policy, at }: PruneFacts): string {
  const checkpointDigest: Digest = sha256(checkpoint);
  return canonicalJson({
    _type: STATEMENT_TYPE,
    subject: [{ name: origin, digest: { sha256: checkpointDigest } }],
    predicateType: PRUNE_PREDICATE_TYPE,
    predicate: { checkpointDigest, minimumIndex, origin, policy, prunedOn: isoTime(at) },
  });
}
