-- States and outcomes repeat src/domain as CHECKs: a row that the code could not mean cannot be written.
-- Times are epoch milliseconds. Columns named after JSON hold JSON text.

CREATE TABLE lives (
  boot_id    TEXT PRIMARY KEY,
  started_at INTEGER NOT NULL,
  ended_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  id      INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  name    TEXT NOT NULL,
  subject TEXT,
  data    TEXT NOT NULL
) STRICT;

CREATE TABLE packages (
  digest      TEXT PRIMARY KEY CHECK (length(digest) = 64),
  name        TEXT NOT NULL,
  version     TEXT NOT NULL,
  manifest    TEXT NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('loaded', 'unloaded')),
  loaded_at   INTEGER NOT NULL,
  unloaded_at INTEGER,
  CHECK ((state = 'unloaded') = (unloaded_at IS NOT NULL))
) STRICT;

CREATE TABLE package_files (
  folder          TEXT NOT NULL,
  name            TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('arriving', 'loaded', 'rejected')),
  stat            TEXT NOT NULL,
  archive_digest  TEXT,
  package_name    TEXT,
  package_version TEXT,
  package_digest  TEXT,
  keeps           TEXT,
  error           TEXT,
  seen_at         INTEGER NOT NULL,
  changed_at      INTEGER NOT NULL,
  PRIMARY KEY (folder, name),
  CHECK (state <> 'loaded' OR package_digest IS NOT NULL),
  CHECK ((state = 'rejected') = (error IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Never deleted while a run or a live definition needs them.
CREATE TABLE snapshots (
  digest         TEXT PRIMARY KEY CHECK (length(digest) = 64),
  package_digest TEXT NOT NULL,
  content        TEXT NOT NULL
) STRICT;

CREATE TABLE workflows (
  id           TEXT PRIMARY KEY,
  package_name TEXT NOT NULL,
  snapshot     TEXT NOT NULL REFERENCES snapshots (digest),
  present      INTEGER NOT NULL CHECK (present IN (0, 1)),
  paused_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE schedules (
  id           TEXT PRIMARY KEY,
  package_name TEXT NOT NULL,
  workflow     TEXT NOT NULL,
  name         TEXT NOT NULL,
  cron         TEXT NOT NULL,
  timezone     TEXT NOT NULL,
  params       TEXT NOT NULL,
  catch_up     TEXT NOT NULL,
  overlap      TEXT NOT NULL CHECK (overlap IN ('skip', 'queue', 'allow', 'cancel_previous')),
  state        TEXT NOT NULL CHECK (state IN ('active', 'paused')),
  present      INTEGER NOT NULL CHECK (present IN (0, 1)),
  next_at      INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE firings (
  schedule   TEXT NOT NULL,
  planned_at INTEGER NOT NULL,
  decided_at INTEGER NOT NULL,
  decision   TEXT NOT NULL CHECK (decision IN ('started', 'skipped', 'missed')),
  run_id     TEXT,
  late       INTEGER NOT NULL CHECK (late IN (0, 1)),
  reason     TEXT,
  count      INTEGER NOT NULL CHECK (count >= 1),
  PRIMARY KEY (schedule, planned_at),
  CHECK ((decision = 'started') = (run_id IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Ids are UUIDv7, so the primary key is also the order of creation.
CREATE TABLE runs (
  id         TEXT PRIMARY KEY,
  workflow   TEXT NOT NULL,
  snapshot   TEXT NOT NULL REFERENCES snapshots (digest),
  params     TEXT NOT NULL,
  trigger    TEXT NOT NULL,
  key        TEXT,
  planned_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  version    INTEGER NOT NULL CHECK (version >= 1),
  state      TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  started_at INTEGER,
  ended_at   INTEGER,
  cancel     TEXT,
  failure    TEXT,
  unfinished INTEGER NOT NULL CHECK (unfinished >= 0),
  failed     INTEGER NOT NULL CHECK (failed >= 0),
  CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (ended_at IS NOT NULL)),
  CHECK (ended_at IS NULL OR unfinished = 0)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX runs_by_key ON runs (workflow, key) WHERE key IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (id) WHERE ended_at IS NULL;
CREATE INDEX runs_by_workflow ON runs (workflow, id);
CREATE INDEX runs_by_state ON runs (state, id);
CREATE INDEX runs_by_end ON runs (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX runs_by_snapshot ON runs (snapshot) WHERE ended_at IS NULL;

CREATE TABLE task_runs (
  run_id           TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  name             TEXT NOT NULL,
  state            TEXT NOT NULL CHECK (state IN ('blocked', 'ready', 'running', 'waiting', 'succeeded', 'failed', 'skipped', 'cancelled')),
  pending_upstream INTEGER NOT NULL CHECK (pending_upstream >= 0),
  counted_attempts INTEGER NOT NULL,
  fence            INTEGER NOT NULL,
  ready_at         INTEGER,
  daemon_deaths    INTEGER NOT NULL,
  alone_deaths     INTEGER NOT NULL,
  output           TEXT,
  output_digest    TEXT,
  output_size      INTEGER,
  failure          TEXT,
  ended_at         INTEGER,
  PRIMARY KEY (run_id, name),
  CHECK ((state IN ('succeeded', 'failed', 'skipped', 'cancelled')) = (ended_at IS NOT NULL)),
  CHECK ((state = 'waiting') = (ready_at IS NOT NULL)),
  CHECK (output IS NULL OR output_digest IS NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX task_runs_waiting ON task_runs (run_id) WHERE state = 'waiting';
CREATE INDEX task_runs_by_artifact ON task_runs (output_digest) WHERE output_digest IS NOT NULL;

CREATE TABLE attempts (
  run_id     TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  task       TEXT NOT NULL,
  number     INTEGER NOT NULL CHECK (number >= 1),
  id         TEXT NOT NULL,
  fence      INTEGER NOT NULL,
  alone      INTEGER NOT NULL CHECK (alone IN (0, 1)),
  started_at INTEGER NOT NULL,
  ended_at   INTEGER,
  outcome    TEXT CHECK (outcome IN ('succeeded', 'failed', 'timed_out', 'cancelled', 'crashed', 'interrupted')),
  failure    TEXT,
  exit_code  INTEGER,
  PRIMARY KEY (run_id, task, number),
  CHECK ((outcome IS NULL) = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE run_history (
  run_id   TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  version  INTEGER NOT NULL,
  position INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  name     TEXT NOT NULL,
  task     TEXT,
  attempt  INTEGER,
  detail   TEXT,
  PRIMARY KEY (run_id, version, position)
) STRICT, WITHOUT ROWID;

-- Proofs outlive their runs. run_number has no gaps: proof_heads moves by one in the transaction that inserts a proof.
CREATE TABLE proofs (
  run_id         TEXT PRIMARY KEY,
  workflow       TEXT NOT NULL,
  run_number     INTEGER NOT NULL CHECK (run_number >= 1),
  previous_proof TEXT,
  statement      TEXT NOT NULL,
  digest         TEXT NOT NULL CHECK (length(digest) = 64),
  signature      TEXT NOT NULL,
  key_id         TEXT NOT NULL,
  ended_at       INTEGER NOT NULL,
  state          TEXT NOT NULL CHECK (state IN ('due', 'written', 'anchored')),
  UNIQUE (workflow, run_number)
) STRICT;

CREATE INDEX proofs_due ON proofs (run_id) WHERE state = 'due';

CREATE TABLE proof_heads (
  workflow   TEXT PRIMARY KEY,
  run_number INTEGER NOT NULL,
  digest     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
