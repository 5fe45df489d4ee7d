import { isoTime } from "../kernel/clock.ts";
import type { Digest } from "../kernel/digest.ts";
import type { RunId } from "./run.ts";
import type { WorkflowId } from "./workflow.ts";

/**
 * due      statement stored, file not written (or, with an external signer, not signed).
 * written  the file is on disk and synced.
 */
export const proofStates = ["due", "written", "anchored"] as const;
export type ProofState = (typeof proofStates)[number];

/** The proof of an ended run as it is stored: enough to write its file again byte for byte. */
export interface Proof {
  runId: RunId;
  workflow: WorkflowId;
  /** Counts the ended runs of a workflow from 1, without gaps. */
  runNumber: number;
  /** SHA-256 of the previous statement of this workflow; null for the first. */
  previousProof: Digest | null;
  /** The statement's RFC 8785 bytes: the DSSE payload. */
  statement: string;
  /** SHA-256 of the statement. */
  digest: Digest;
  /** Base64 of the DER signature over the DSSE pre-authentication encoding. */
  signature: string;
  /** Hex SHA-256 of the public key's SPKI DER. */
  keyId: string;
  /** When the run ended: names the folder of its file. */
  endedAt: number;
}

/** What decides where a proof's file is. */
export type ProofPlace = Pick<Proof, "runId" | "endedAt">;

/** The end of a workflow's chain of proofs. */
export interface ProofHead {
  runNumber: number;
  digest: Digest | null;
}

/** The file of a run's proof below `proofs/`: `YYYY/MM/DD/<run>.sigstore.json` by the UTC day on which the run ended. */
export function proofFileName({ runId, endedAt }: ProofPlace): string {
  return `${isoTime(endedAt).slice(0, 10).replaceAll("-", "/")}/${runId}.sigstore.json`;
}
