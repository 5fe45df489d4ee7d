import { isoTime } from "../kernel/clock.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";
import { type NamedDigest, STATEMENT_TYPE } from "./statement.ts";

export const TLOG_PREDICATE_TYPE = "urn:cascade:attestation:tlog:v1";

/** The last head of a log that another one takes the place of. */
export interface FormerHead {
  origin: string;
  size: number;
  /** SHA-256 of the signed checkpoint, the note as it was published. */
  checkpointDigest: Digest;
}

/** Leaf 0 of every log: who opened it, with which keys, and which log it takes the place of. */
export interface TlogStatement {
  _type: typeof STATEMENT_TYPE;
  /** One: the origin, with the digest of the log's key in its text form. */
  subject: readonly NamedDigest[];
  predicateType: typeof TLOG_PREDICATE_TYPE;
  predicate: {
    openedOn: string;
    origin: string;
    /** Of the key that signs statements: hex SHA-256 of its SPKI DER. */
    proofKey: Digest;
    /** Null for the first log of a data folder. */
    previous: FormerHead | null;
    vkey: string;
  };
}

export interface TlogOpening {
  origin: string;
  vkey: string;
  proofKey: Digest;
  previous: FormerHead | null;
  openedAt: number;
}

/** The RFC 8785 text of the statement that opens a log. */
export function tlogStatementText({ origin, vkey, proofKey, previous, openedAt }: TlogOpening): string {
  const statement: TlogStatement = {
    _type: STATEMENT_TYPE,
    subject: [{ name: origin, digest: { sha256: sha256(vkey) } }],
    predicateType: TLOG_PREDICATE_TYPE,
    predicate: { openedOn: isoTime(openedAt), origin, proofKey, previous, vkey },
  };
  return canonicalJson(statement);
}

const ATTESTATIONS = "attestations/";

/** The file, below `proofs/`, of a statement that is not a run's proof. */
export function attestationFileName(statementDigest: Digest): string {
  return `${ATTESTATIONS}${statementDigest}.sigstore.json`;
}

/** Whether a file below `proofs/` is of such a statement. */
export function isAttestation(file: string): boolean {
  return file.startsWith(ATTESTATIONS);
}
