-- The artifact that holds what the attempt read, for a replay; only attempts of recorded workflows have one.
ALTER TABLE attempts ADD COLUMN recording TEXT;
CREATE INDEX attempts_by_recording ON attempts (recording) WHERE recording IS NOT NULL;
