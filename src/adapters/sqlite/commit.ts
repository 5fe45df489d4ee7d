import type { Change, Verdict } from "../../domain/change.ts";
import { isConstraint, isUnique } from "./errors.ts";
import type { Database } from "./open.ts";
import { createRegistryWriter } from "./write-registry.ts";
import { accepted, refused } from "./verdict.ts";
import { createRunWriter } from "./write-runs.ts";
import { createAnchorWriter } from "./write-anchors.ts";
import { createTlogWriter } from "./write-tlog.ts";

/**
 * Writes batches: one transaction, in which a refused change leaves nothing behind. Nearly always nothing is refused, so a
 * batch is first written as it is; only when one of its changes is refused is it taken back and written again with a
 * savepoint per change, because a constraint error in a change's third statement otherwise leaves its first two behind.
 */
export function createCommit(db: Database): (changes: readonly Change[]) => Verdict[] {
  const runs = createRunWriter(db);
  const registry = createRegistryWriter(db, runs);
  const tlog = createTlogWriter(db);
  const recordAnchor = createAnchorWriter(db);
  const insertStep = db.prepare("INSERT INTO clock_steps (until_at, by_ms) VALUES (?, ?)");
  const forgetSteps = db.prepare("DELETE FROM clock_steps WHERE id <= (SELECT max(id) FROM clock_steps) - 1000");
  const begin = db.prepare("BEGIN IMMEDIATE");
  const commit = db.prepare("COMMIT");
  const rollback = db.prepare("ROLLBACK");
  const save = db.prepare("SAVEPOINT change");
  const release = db.prepare("RELEASE change");
  const undo = db.prepare("ROLLBACK TO change");

  function write(change: Change): Verdict {
    switch (change.type) {
      case "create_runs":
        return runs.create(change.runs);
      case "change_run":
        return runs.change(change.change, change.proof);
      case "fire":
        return registry.fire(change);
      case "registry":
        return registry.registry(change.change, change.audit);
      case "change_policy":
        return registry.changePolicy(change.noted);
      case "pause_workflow":
        return registry.pauseWorkflow(change);
      case "set_schedule_state":
        return registry.setScheduleState(change);
      case "open_tlog":
        return tlog.open(change.log, change.opening);
      case "add_statement":
        return tlog.add(change.statement);
      case "sign_statements":
        return tlog.sign(change);
      case "change_key":
        return tlog.changeKey(change);
      case "tlog_signed":
        return tlog.signed(change.origin, change.head);
      case "record_anchor":
        return recordAnchor(change.record);
      case "tlog_pruned":
        return tlog.pruned(change.origin, change.minimumIndex);
      case "delete_statements":
        return tlog.deleteStatements(change.before);
      case "files_written":
        return tlog.filesWritten(change);
      case "files_synced":
        return tlog.filesSynced(change.through);
      case "clock_stepped":
        insertStep.run(change.step.until, change.step.by);
        forgetSteps.run();
        return accepted;
      case "delete_runs":
        return runs.delete(change.runs);
      case "audit":
        return registry.audit(change.entries);
    }
  }

  function verdictOf(change: Change): Verdict {
    try {
      return write(change);
    } catch (error) {
      // A full disk or an I/O error has rolled the whole transaction back already.
      if (!db.inTransaction || !isConstraint(error)) throw error;
      return refused(isUnique(error) ? "exists" : "invalid", error instanceof Error ? error.message : String(error));
    }
  }

  function writeApart(change: Change): Verdict {
    save.run();
    const verdict = verdictOf(change);
    if (!verdict.ok) undo.run();
    release.run();
    return verdict;
  }

  /** Undefined when one is refused; then the transaction is to be taken back. */
  function writeTogether(changes: readonly Change[]): Verdict[] | undefined {
    const verdicts: Verdict[] = [];
    for (const change of changes) {
      const verdict = verdictOf(change);
      if (!verdict.ok) return undefined;
      verdicts.push(verdict);
    }
    return verdicts;
  }

  return (changes) => {
    try {
      begin.run();
      let verdicts = writeTogether(changes);
      if (!verdicts) {
        rollback.run();
        begin.run();
        verdicts = changes.map(writeApart);
      }
      commit.run();
      return verdicts;
    } catch (error) {
      if (db.inTransaction) rollback.run();
      throw error;
    }
  };
}
