import { CHAIN_START } from "../../domain/proof-chain.ts";
import type { ProofHead, ProofState, ProofSummary, StoredProof } from "../../domain/proof.ts";
import type { ProofStore } from "../../ports/store.ts";
import type { Database } from "./open.ts";

/** The end of a workflow's chain, from the index that keeps its numbers unique. */
export const READ_PROOF_HEAD =
  "SELECT run_number AS runNumber, digest FROM proofs WHERE workflow = ? ORDER BY run_number DESC LIMIT 1";
const STATE = `CASE WHEN proofs.statement_id > (SELECT through FROM written_files)
      OR EXISTS (SELECT 1 FROM unwritten_files WHERE unwritten_files.statement_id = proofs.statement_id)
      THEN 'due' WHEN proofs.statement_id < (SELECT min(id) FROM statements) THEN 'pruned'
      WHEN EXISTS (SELECT 1 FROM tlogs WHERE first_statement <= proofs.statement_id AND proofs.statement_id < first_statement +
        (SELECT coalesce(max(size), 0) FROM anchors WHERE anchors.origin = tlogs.origin AND state = 'anchored'))
      THEN 'anchored' ELSE 'written' END AS state`;
const SELECT_PROOF = `SELECT proofs.*, statement, nullif(signature, '') AS signature, key_id, ${STATE}
  FROM proofs JOIN statements ON statements.id = proofs.statement_id`;
const SELECT_SUMMARY = `SELECT run_id AS runId, workflow, run_number AS runNumber, digest, ended_at AS endedAt,
    statement_id AS statementId, ${STATE}
  FROM proofs`;

interface ProofRow {
  run_id: string;
  workflow: string;
  run_number: number;
  previous_proof: string | null;
  statement: string;
  statement_id: number;
  digest: string;
  signature: string | null;
  key_id: string;
  ended_at: number;
  state: ProofState;
}

export function createProofStore(db: Database): ProofStore {
  const readHead = db.prepare<[string], ProofHead>(READ_PROOF_HEAD);
  const readProof = db.prepare<[string], ProofRow>(`${SELECT_PROOF} WHERE run_id = ?`);
  const readByNumber = db.prepare<[string, number], ProofRow>(`${SELECT_PROOF} WHERE workflow = ? AND run_number = ?`);
  const readFrom = db.prepare<[string, number, number], ProofRow>(
    `${SELECT_PROOF} WHERE workflow = ? AND run_number >= ? ORDER BY run_number LIMIT ?`,
  );
  const readPrunedEnd = db.prepare<[string], ProofHead>(
    `SELECT run_number AS runNumber, digest FROM proofs
      WHERE workflow = ? AND statement_id < (SELECT min(id) FROM statements) ORDER BY run_number DESC LIMIT 1`,
  );
  const readIsPruned = db
    .prepare<[string], number>("SELECT statement_id < (SELECT min(id) FROM statements) FROM proofs WHERE run_id = ?")
    .pluck();
  const readUnknown = db
    .prepare<[string], string>(
      `SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM proofs WHERE run_id = value)
        AND NOT EXISTS (SELECT 1 FROM runs WHERE id = value AND ended_at IS NULL)`,
    )
    .pluck();
  // Ids are hexadecimal, so every one of them is below a tilde.
  const list = db.prepare<[string, number], ProofSummary>(
    `${SELECT_SUMMARY} WHERE run_id < ? ORDER BY run_id DESC LIMIT ?`,
  );
  const listOf = db.prepare<[string, number, number], ProofSummary>(
    `${SELECT_SUMMARY} WHERE workflow = ? AND run_number < ? ORDER BY run_number DESC LIMIT ?`,
  );
  return {
    async listProofs({ workflow }, { limit, cursor }) {
      const rows =
        workflow === undefined
          ? list.all(cursor ?? "~", limit + 1)
          : listOf.all(workflow, Number(cursor ?? Number.MAX_SAFE_INTEGER), limit + 1);
      const items = rows.slice(0, limit);
      const last = rows.length > limit ? items.at(-1) : undefined;
      return { items, nextCursor: last ? (workflow === undefined ? last.runId : String(last.runNumber)) : null };
    },
    async prunedEnd(workflow) {
      return readPrunedEnd.get(workflow) ?? CHAIN_START;
    },
    async isPruned(run) {
      return readIsPruned.get(run) === 1;
    },
    async unknownRuns(runs) {
      return readUnknown.all(JSON.stringify(runs));
    },
    async proofHead(workflow) {
      return readHead.get(workflow) ?? CHAIN_START;
    },
    async proof(run) {
      const row = readProof.get(run);
      return row && storedProof(row);
    },
    async proofByNumber(workflow, runNumber) {
      const row = readByNumber.get(workflow, runNumber);
      return row && storedProof(row);
    },
    async proofsFrom(workflow, runNumber, limit) {
      return readFrom.all(workflow, runNumber, limit).map((row) => storedProof(row).proof);
    },
  };
}

function storedProof(row: ProofRow): StoredProof {
  const proof = {
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
  return { proof, state: row.state, statementId: row.statement_id };
}
