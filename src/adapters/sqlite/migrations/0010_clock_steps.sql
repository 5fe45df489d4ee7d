-- When the wall clock was set, so that a span that began in a former life can be told from two instants.
CREATE TABLE clock_steps (
  id       INTEGER PRIMARY KEY,
  until_at INTEGER NOT NULL,
  by_ms    INTEGER NOT NULL
) STRICT;

-- The order of lives, whatever the clock said when they began.
ALTER TABLE lives ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
