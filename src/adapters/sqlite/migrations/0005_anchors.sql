-- Who has seen which head of the log. For each name at most one line of a log is not anchored: what it is working on.
CREATE TABLE anchors (
  origin   TEXT NOT NULL REFERENCES tlogs (origin),
  name     TEXT NOT NULL,
  size     INTEGER NOT NULL CHECK (size >= 1),
  kind     TEXT NOT NULL CHECK (kind IN ('exec', 'tsa', 'witness', 'rekor', 'evm')),
  state    TEXT NOT NULL CHECK (state IN ('pending', 'failed', 'anchored')),
  attempts INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  next_at  INTEGER,
  progress TEXT NOT NULL,
  receipt  TEXT,
  error    TEXT,
  PRIMARY KEY (origin, name, size)
) STRICT, WITHOUT ROWID;

-- The largest anchored head of a log tells which proofs are anchored.
CREATE INDEX anchored_sizes ON anchors (origin, size) WHERE state = 'anchored';

CREATE INDEX unfinished_anchors ON anchors (origin, name) WHERE state <> 'anchored';
