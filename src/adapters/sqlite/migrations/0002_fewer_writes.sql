-- Runs move through the states that are not ends faster than anyone lists them, so only one small index follows them there;
-- the indexes for lists take a run when it ends.
DROP INDEX runs_by_state;
DROP INDEX runs_by_workflow;
DROP INDEX runs_by_snapshot;
DROP INDEX runs_unfinished;
DROP INDEX runs_by_end;

CREATE INDEX runs_unfinished ON runs (id, workflow, state) WHERE ended_at IS NULL;
CREATE INDEX runs_by_state ON runs (state, id) WHERE ended_at IS NOT NULL;
CREATE INDEX runs_by_workflow ON runs (workflow, state, id) WHERE ended_at IS NOT NULL;

-- From here on a task run has a row only when no other row tells its state (src/domain/implied.ts), and run_history only
-- lines that the run's own row does not tell. Earlier rows stay as they are.

-- A proof's state changes when its file is written, and its statement never: apart, the change rewrites a line and not a page.
ALTER TABLE proofs RENAME TO former_proofs;
DROP INDEX proofs_due;

CREATE TABLE proof_statements (
  id        INTEGER PRIMARY KEY,
  statement TEXT NOT NULL,
  signature TEXT NOT NULL
) STRICT;

-- run_number has no gaps: a proof is inserted only after the one before it, in the transaction that ends the run.
CREATE TABLE proofs (
  run_id         TEXT PRIMARY KEY,
  workflow       TEXT NOT NULL,
  run_number     INTEGER NOT NULL CHECK (run_number >= 1),
  previous_proof TEXT,
  digest         TEXT NOT NULL CHECK (length(digest) = 64),
  key_id         TEXT NOT NULL,
  ended_at       INTEGER NOT NULL,
  state          TEXT NOT NULL CHECK (state IN ('due', 'written', 'anchored')),
  statement_id   INTEGER NOT NULL REFERENCES proof_statements (id),
  UNIQUE (workflow, run_number)
) STRICT, WITHOUT ROWID;

INSERT INTO proof_statements SELECT rowid, statement, signature FROM former_proofs;
INSERT INTO proofs
  SELECT run_id, workflow, run_number, previous_proof, digest, key_id, ended_at, state, rowid FROM former_proofs;
CREATE INDEX proofs_due ON proofs (run_id) WHERE state = 'due';

DROP TABLE former_proofs;
DROP TABLE proof_heads;
