import type { NewRun, Verdict } from "../../domain/change.ts";
import { isImplied, isImpliedEntry } from "../../domain/implied.ts";
import { type Proof, proofFileName, type ProofHead, startFileName } from "../../domain/proof.ts";
import type { Attempt, TaskRun } from "../../domain/run.ts";
import type { HistoryEntry, RunChange } from "../../domain/run-change.ts";
import type { Database } from "./open.ts";
import { READ_PROOF_HEAD } from "./read-proofs.ts";
import { written } from "./run-rows.ts";
import { accepted, refused } from "./verdict.ts";
import { INSERT_STATEMENT } from "./write-tlog.ts";

const INSERT_RUN = `INSERT INTO runs (id, workflow, snapshot, params, trigger, key, planned_at, created_at, version, state, started_at, unfinished, failed, start_digest)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const UPDATE_RUN = `UPDATE runs SET version = version + 1, state = ?, started_at = ?, ended_at = ?, cancel = ?, failure = ?, unfinished = ?, failed = ?
  WHERE id = ? AND version = ?`;
const PUT_TASK_RUN = `INSERT INTO task_runs (run_id, name, state, pending_upstream, counted_attempts, fence, ready_at, daemon_deaths, alone_deaths,
    output, output_digest, output_size, failure, ended_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (run_id, name) DO UPDATE SET state = excluded.state, pending_upstream = excluded.pending_upstream,
    counted_attempts = excluded.counted_attempts, fence = excluded.fence, ready_at = excluded.ready_at,
    daemon_deaths = excluded.daemon_deaths, alone_deaths = excluded.alone_deaths, output = excluded.output,
    output_digest = excluded.output_digest, output_size = excluded.output_size, failure = excluded.failure, ended_at = excluded.ended_at`;
const OPEN_ATTEMPT = `INSERT INTO attempts (run_id, task, number, id, fence, alone, started_at) VALUES (?, ?, ?, ?, ?, ?, ?)`;
const END_ATTEMPT = `UPDATE attempts SET ended_at = ?, outcome = ?, failure = ?, exit_code = ?, recording = ? WHERE run_id = ? AND task = ? AND number = ? AND fence = ?`;
const REMOVE_ATTEMPT = `DELETE FROM attempts WHERE run_id = ? AND id = ? AND outcome IS NULL`;
const INSERT_HISTORY = `INSERT INTO run_history (run_id, version, position, at, name, task, attempt, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const INSERT_PROOF = `INSERT INTO proofs (run_id, workflow, run_number, previous_proof, digest, ended_at, statement_id)
  VALUES (?, ?, ?, ?, ?, ?, ?)`;
const DELETE_RUN = `DELETE FROM runs WHERE id = ? AND ended_at IS NOT NULL`;

export type RunWriter = ReturnType<typeof createRunWriter>;

/** The statements that write runs. Each method runs inside the savepoint of one change. */
export function createRunWriter(db: Database) {
  const insertRun = db.prepare(INSERT_RUN);
  const updateRun = db.prepare(UPDATE_RUN);
  const putTaskRun = db.prepare(PUT_TASK_RUN);
  const openAttempt = db.prepare(OPEN_ATTEMPT);
  const endAttempt = db.prepare(END_ATTEMPT);
  const removeAttempt = db.prepare(REMOVE_ATTEMPT);
  const insertHistory = db.prepare(INSERT_HISTORY);
  const insertStatement = db.prepare(INSERT_STATEMENT);
  const insertProof = db.prepare(INSERT_PROOF);
  const readHead = db.prepare<[string], ProofHead>(READ_PROOF_HEAD);
  const deleteRun = db.prepare(DELETE_RUN);

  function writeTask(runId: string, task: TaskRun): void {
    if (isImplied(task)) return;
    const inline = task.output?.kind === "inline" ? task.output.json : null;
    const artifact = task.output?.kind === "artifact" ? task.output : null;
    putTaskRun.run(
      runId,
      task.name,
      task.state,
      task.pendingUpstream,
      task.countedAttempts,
      task.fence,
      task.readyAt,
      task.daemonDeaths,
      task.aloneDeaths,
      inline,
      artifact?.digest ?? null,
      artifact?.size ?? null,
      written(task.failure),
      task.endedAt,
    );
  }

  function writeAttempt(runId: string, task: string, attempt: Attempt): boolean {
    if (attempt.outcome === null) {
      const { number, id, fence, alone, startedAt } = attempt;
      openAttempt.run(runId, task, number, id, fence, alone ? 1 : 0, startedAt);
      return true;
    }
    const { endedAt, outcome, failure, exitCode, recording, number, fence } = attempt;
    const end = [endedAt, outcome, written(failure), exitCode, recording];
    return endAttempt.run(...end, runId, task, number, fence).changes === 1;
  }

  function writeHistory(runId: string, version: number, history: readonly HistoryEntry[]): void {
    let position = 0;
    for (const entry of history) {
      if (isImpliedEntry(entry)) continue;
      const { at, name, task, attempt, detail } = entry;
      insertHistory.run(runId, version, position++, at, name, task, attempt, detail);
    }
  }

  function writeProof(proof: Proof): Verdict {
    const head = readHead.get(proof.workflow);
    if (proof.runNumber !== (head?.runNumber ?? 0) + 1 || proof.previousProof !== (head?.digest ?? null)) {
      return refused("stale", `proof ${proof.runNumber} of ${proof.workflow} does not follow ${head?.runNumber ?? 0}`);
    }
    const { runId, workflow, runNumber, previousProof, statement, digest, signature, keyId, endedAt } = proof;
    const { lastInsertRowid } = insertStatement.run(proofFileName(proof), statement, signature, keyId);
    insertProof.run(runId, workflow, runNumber, previousProof, digest, endedAt, lastInsertRowid);
    return accepted;
  }

  return {
    create(runs: readonly NewRun[]): Verdict {
      for (const { run, history, start } of runs) {
        const { id, workflow, snapshot, params, trigger, key, plannedAt, createdAt, startDigest, version, head } = run;
        insertRun.run(
          id,
          workflow,
          snapshot.digest,
          params,
          JSON.stringify(trigger),
          key,
          plannedAt,
          createdAt,
          version,
          head.state,
          head.startedAt,
          head.unfinished,
          head.failed,
          startDigest,
        );
        if (start) insertStatement.run(startFileName(run), start.statement, start.signature, start.keyId);
        for (const task of run.tasks.values()) {
          writeTask(id, task);
          for (const attempt of task.attempts) writeAttempt(id, task.name, attempt);
        }
        writeHistory(id, version, history);
      }
      return accepted;
    },

    change(change: RunChange, proof: Proof | null): Verdict {
      const { runId, fromVersion, head } = change;
      const updated = updateRun.run(
        head.state,
        head.startedAt,
        head.endedAt,
        written(head.cancel),
        written(head.failure),
        head.unfinished,
        head.failed,
        runId,
        fromVersion,
      );
      if (updated.changes !== 1) return refused("stale", `run ${runId} is not at version ${fromVersion}`);
      for (const id of change.givenBack) removeAttempt.run(runId, id);
      for (const { task, attempt } of change.attempts) {
        if (change.givenBack.includes(attempt.id)) continue;
        if (!writeAttempt(runId, task, attempt))
          return refused("stale", `attempt ${attempt.number} of ${task} has another fence`);
      }
      for (const task of change.tasks) writeTask(runId, task);
      writeHistory(runId, fromVersion + 1, change.history);
      return proof ? writeProof(proof) : accepted;
    },

    delete(runs: readonly string[]): Verdict {
      for (const run of runs) deleteRun.run(run);
      return accepted;
    },
  };
}
