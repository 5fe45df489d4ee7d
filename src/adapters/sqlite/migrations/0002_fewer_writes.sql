-- Runs move through the states that are not ends faster than anyone lists them, so only one small index follows them there;
-- the indexes for lists take a run when it ends.
DROP INDEX runs_by_state;
DROP INDEX runs_by_workflow;
DROP INDEX runs_by_snapshot;
DROP INDEX runs_unfinished;

CREATE INDEX runs_unfinished ON runs (id, workflow, state) WHERE ended_at IS NULL;
CREATE INDEX runs_by_state ON runs (state, id) WHERE ended_at IS NOT NULL;
CREATE INDEX runs_by_workflow ON runs (workflow, state, id) WHERE ended_at IS NOT NULL;

-- From here on a task run has a row only when no other row tells its state (src/domain/implied.ts), and run_history only
-- lines that the run's own row does not tell. Earlier rows stay as they are.
