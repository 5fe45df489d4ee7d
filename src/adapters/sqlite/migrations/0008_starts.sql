-- The statement that a run was started, by its digest, for the statement about its end; only workflows that log starts have one.
ALTER TABLE runs ADD COLUMN start_digest TEXT CHECK (start_digest IS NULL OR length(start_digest) = 64);
