-- The transparency log holds every statement in the order of the ids here, from a log's first_statement on, without gaps. A
-- statement belongs to the log from the transaction on that writes it; everything in tlog/ can be made again from this table.
CREATE TABLE statements (
  id        INTEGER PRIMARY KEY,
  file      TEXT NOT NULL,
  statement TEXT NOT NULL,
  signature TEXT NOT NULL,
  key_id    TEXT NOT NULL
) STRICT;

-- Which files are written is known by one number and its exceptions, so that a run that ends costs no second line.
CREATE TABLE unwritten_files (
  statement_id INTEGER PRIMARY KEY
) STRICT;

-- `synced` follows when the files have been on disk for a while: it says which of them power loss cannot take.
CREATE TABLE written_files (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  through INTEGER NOT NULL,
  synced  INTEGER NOT NULL,
  CHECK (synced <= through)
) STRICT;

INSERT INTO written_files VALUES (1, 0, 0);

-- One log at a time; a later one begins where the one before it ends.
CREATE TABLE tlogs (
  first_statement INTEGER PRIMARY KEY,
  origin          TEXT NOT NULL UNIQUE,
  vkey            TEXT NOT NULL,
  opened_at       INTEGER NOT NULL,
  minimum_index   INTEGER NOT NULL
) STRICT;

-- Every checkpoint that was signed.
CREATE TABLE tlog_heads (
  origin     TEXT NOT NULL REFERENCES tlogs (origin),
  size       INTEGER NOT NULL CHECK (size >= 1),
  checkpoint TEXT NOT NULL,
  PRIMARY KEY (origin, size)
) STRICT, WITHOUT ROWID;

ALTER TABLE proofs RENAME TO former_proofs;
DROP INDEX proofs_due;

-- run_number has no gaps: a proof is inserted only after the one before it, in the transaction that ends the run. Without a
-- foreign key: statements move up when a log is opened before them, and each would mean a look through all proofs.
CREATE TABLE proofs (
  run_id         TEXT PRIMARY KEY,
  workflow       TEXT NOT NULL,
  run_number     INTEGER NOT NULL CHECK (run_number >= 1),
  previous_proof TEXT,
  digest         TEXT NOT NULL CHECK (length(digest) = 64),
  ended_at       INTEGER NOT NULL,
  statement_id   INTEGER NOT NULL,
  UNIQUE (workflow, run_number)
) STRICT, WITHOUT ROWID;

-- Proofs of before get their place in the log too, so their files are all due once more. Number 1 is left to the statement that
-- opens the log.
CREATE TEMP TABLE places AS
  SELECT run_id, statement_id AS former_id, row_number() OVER (ORDER BY statement_id) + 1 AS id FROM former_proofs;
CREATE INDEX temp.places_by_run ON places (run_id);

INSERT INTO statements
  SELECT places.id, strftime('%Y/%m/%d/', ended_at / 1000, 'unixepoch') || run_id || '.sigstore.json', statement, signature, key_id
  FROM places JOIN former_proofs USING (run_id) JOIN proof_statements ON proof_statements.id = former_id;
INSERT INTO proofs
  SELECT run_id, workflow, run_number, previous_proof, digest, ended_at, places.id FROM former_proofs JOIN places USING (run_id);

DROP TABLE places;
DROP TABLE former_proofs;
DROP TABLE proof_statements;
