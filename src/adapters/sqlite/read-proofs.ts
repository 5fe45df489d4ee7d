import type { Proof, ProofHead, ProofPlace, ProofState } from "../../domain/proof.ts";
import type { ProofStore } from "../../ports/store.ts";
import type { Database } from "./open.ts";

/** The end of a workflow's chain, from the index that keeps its numbers unique. */
export const READ_PROOF_HEAD =
  "SELECT run_number AS runNumber, digest FROM proofs WHERE workflow = ? ORDER BY run_number DESC LIMIT 1";
const SELECT_PROOFS =
  "SELECT proofs.*, statement, signature FROM proofs JOIN proof_statements ON proof_statements.id = statement_id";

interface ProofRow {
  run_id: string;
  workflow: string;
  run_number: number;
  previous_proof: string | null;
  statement: string;
  digest: string;
  signature: string;
  key_id: string;
  ended_at: number;
  state: ProofState;
}

export function createProofStore(db: Database): ProofStore {
  const readHead = db.prepare<[string], ProofHead>(READ_PROOF_HEAD);
  const readProof = db.prepare<[string], ProofRow>(`${SELECT_PROOFS} WHERE run_id = ?`);
  const readDue = db.prepare<[number], ProofRow>(`${SELECT_PROOFS} WHERE state = 'due' ORDER BY run_id LIMIT ?`);
  const readByNumber = db.prepare<[string, number], ProofRow>(`${SELECT_PROOFS} WHERE workflow = ? AND run_number = ?`);
  const readFrom = db.prepare<[string, number, number], ProofRow>(
    `${SELECT_PROOFS} WHERE workflow = ? AND run_number >= ? ORDER BY run_number LIMIT ?`,
  );
  const readPlaces = db.prepare<[string, number], ProofPlace>(
    "SELECT run_id AS runId, ended_at AS endedAt FROM proofs WHERE state <> 'due' AND run_id < ? ORDER BY run_id DESC LIMIT ?",
  );
  const stored = (row: ProofRow | undefined) => row && { proof: proofOf(row), state: row.state };
  return {
    async proofHead(workflow) {
      return readHead.get(workflow) ?? { runNumber: 0, digest: null };
    },
    async proof(run) {
      return stored(readProof.get(run));
    },
    async dueProofs(limit) {
      return readDue.all(limit).map(proofOf);
    },
    async proofByNumber(workflow, runNumber) {
      return stored(readByNumber.get(workflow, runNumber));
    },
    async proofsFrom(workflow, runNumber, limit) {
      return readFrom.all(workflow, runNumber, limit).map(proofOf);
    },
    async proofPlaces(before, limit) {
      // Ids are hexadecimal, so every one of them is below a tilde.
      return readPlaces.all(before ?? "~", limit);
    },
  };
}

function proofOf(row: ProofRow): Proof {
  return {
    runId: row.run_id,
    workflow: row.workflow,
    runNumber: row.run_number,
    previousProof: row.previous_proof,
    statement: row.statement,
    digest: row.digest,
    signature: row.signature,
    keyId: row.key_id,
    endedAt: row.ended_at,
  };
}
