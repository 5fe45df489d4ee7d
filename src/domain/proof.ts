import { isoTime } from "../kernel/clock.ts";
import type { Digest } from "../kernel/digest.ts";
import type { Run, RunId } from "./run.ts";
import type { NewStatement } from "./sealed-statement.ts";
import type { WorkflowId } from "./workflow.ts";

/**
 * due       statement stored; not signed yet, not in a signed head of the transparency log, or its file not written.
 * written   its place in the log is signed; the file, which holds that place, is there.
 * anchored  someone else has seen a head of the log that covers it.
 * pruned    it was let go; only its place in its workflow's chain is kept.
 */
export const proofStates = ["due", "written", "anchored", "pruned"] as const;
export type ProofState = (typeof proofStates)[number];

/** The proof of an ended run as it is stored: enough to write its file again byte for byte. */
export interface Proof extends NewStatement {
  runId: RunId;
  workflow: WorkflowId;
  /** Counts the ended runs of a workflow from 1, without gaps. */
  runNumber: number;
  /** SHA-256 of the previous statement of this workflow; null for the first. */
  previousProof: Digest | null;
  /** When the run ended: names the folder of its file. */
  endedAt: number;
}

/** The end of a workflow's chain of proofs. */
export interface ProofHead {
  runNumber: number;
  digest: Digest | null;
}

/** The file of a run's proof below `proofs/`: `YYYY/MM/DD/<run>.sigstore.json` by the UTC day on which the run ended. */
export function proofFileName({ runId, endedAt }: Pick<Proof, "runId" | "endedAt">): string {
  return `${dayFolder(endedAt)}/${runId}.sigstore.json`;
}

/** The file of the statement that a run was started: `YYYY/MM/DD/<run>.start.sigstore.json` by the UTC day of its creation. */
export function startFileName({ id, createdAt }: Pick<Run, "id" | "createdAt">): string {
  return `${dayFolder(createdAt)}/${id}.start.sigstore.json`;
}

function dayFolder(at: number): string {
  return isoTime(at).slice(0, 10).replaceAll("-", "/");
}

/** A proof in a list: without what is signed. */
export type ProofSummary = Pick<Proof, "runId" | "workflow" | "runNumber" | "digest" | "endedAt"> &
  Pick<StoredProof, "state" | "statementId">;

/** A stored proof and how far it has come. */
export interface StoredProof {
  proof: Proof;
  state: ProofState;
  /** Its place in the order of the transparency log; see `StoredStatement`. */
  statementId: number;
}
