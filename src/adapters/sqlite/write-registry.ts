import { type AuditEntry, auditLimits, REFUSAL } from "../../domain/audit.ts";
import type { Change, Verdict } from "../../domain/change.ts";
import type { NotedPolicy } from "../../domain/policy-statement.ts";
import type { PackageFileRecord, PackageRecord, RegistryChange, ServedPackage } from "../../domain/registry.ts";
import type { Firing } from "../../domain/schedule.ts";
import { attestationFileName } from "../../domain/tlog-statement.ts";
import { scheduleKeeping, workflowKeeping } from "../../domain/stored-state.ts";
import { canonicalJson } from "../../kernel/canonical-json.ts";
import type { Digest } from "../../kernel/digest.ts";
import type { Database } from "./open.ts";
import { READ_POLICY } from "./read-registry.ts";
import { type ScheduleRow, scheduleOf, SELECT_WORKFLOWS, workflowRecordOf, type WorkflowRow } from "./registry-rows.ts";
import { written } from "./run-rows.ts";
import { accepted, refused } from "./verdict.ts";
import type { RunWriter } from "./write-runs.ts";
import { INSERT_STATEMENT } from "./write-tlog.ts";

const PUT_FILE = `INSERT OR REPLACE INTO package_files (folder, name, state, stat, archive_digest, package_name, package_version, package_digest, keeps, error, seen_at, changed_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const DELETE_FILE = `DELETE FROM package_files WHERE folder = ? AND name = ?`;
const PUT_PACKAGE = `INSERT INTO packages (digest, name, version, manifest, state, loaded_at, unloaded_at, admission, policy, signers, counted_since, signatures)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (digest) DO UPDATE SET state = excluded.state, loaded_at = excluded.loaded_at, unloaded_at = excluded.unloaded_at,
    admission = excluded.admission, policy = excluded.policy, signers = excluded.signers, counted_since = excluded.counted_since, signatures = excluded.signatures`;
const PUT_SNAPSHOT = `INSERT OR IGNORE INTO snapshots (digest, package_digest, content) VALUES (?, ?, ?)`;
const FORGET_WORKFLOWS = `UPDATE workflows SET present = 0 WHERE package_name = ?`;
const PUT_WORKFLOW = `INSERT OR REPLACE INTO workflows (id, package_name, snapshot, present, paused_at) VALUES (?, ?, ?, ?, ?)`;
const FORGET_SCHEDULES = `UPDATE schedules SET present = 0, next_at = NULL WHERE package_name = ?`;
const PUT_SCHEDULE = `INSERT OR REPLACE INTO schedules (id, package_name, workflow, name, cron, timezone, params, catch_up, overlap, state, present, next_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const PAUSE_WORKFLOW = `UPDATE workflows SET paused_at = ? WHERE id = ?`;
const SET_SCHEDULE_STATE = `UPDATE schedules SET state = ?, next_at = ? WHERE id = ?`;
const MOVE_SCHEDULE = `UPDATE schedules SET next_at = ? WHERE id = ? AND next_at IS ?`;
const INSERT_FIRING = `INSERT INTO firings (schedule, planned_at, decided_at, decision, run_id, late, reason, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const INSERT_AUDIT = `INSERT INTO audit (at, name, subject, data) VALUES (?, ?, ?, ?)`;

const FORGET_REFUSALS = `DELETE FROM audit WHERE id IN
  (SELECT id FROM audit WHERE name = 'package.rejected' ORDER BY id DESC LIMIT -1 OFFSET ?)`;
const FORGET_OTHERS = `DELETE FROM audit WHERE id IN
  (SELECT id FROM audit WHERE name <> 'package.rejected' ORDER BY id DESC LIMIT -1 OFFSET ?)`;
/** Finding what is too old takes a look at all that is kept: not at each entry. */
const FORGET_OTHERS_EVERY = 1_000;

/** The statements that write packages, schedules and audit facts. Each method runs inside the savepoint of one change. */
export function createRegistryWriter(db: Database, runs: RunWriter) {
  const putFile = db.prepare(PUT_FILE);
  const deleteFile = db.prepare(DELETE_FILE);
  const putPackage = db.prepare(PUT_PACKAGE);
  const insertStatement = db.prepare(INSERT_STATEMENT);
  const putSnapshot = db.prepare(PUT_SNAPSHOT);
  const forgetWorkflows = db.prepare(FORGET_WORKFLOWS);
  const readWorkflows = db.prepare<[string], WorkflowRow>(`${SELECT_WORKFLOWS} WHERE workflows.package_name = ?`);
  const readSchedules = db.prepare<[string], ScheduleRow>("SELECT * FROM schedules WHERE package_name = ?");
  const putWorkflow = db.prepare(PUT_WORKFLOW);
  const forgetSchedules = db.prepare(FORGET_SCHEDULES);
  const putSchedule = db.prepare(PUT_SCHEDULE);
  const pauseWorkflow = db.prepare(PAUSE_WORKFLOW);
  const setScheduleState = db.prepare(SET_SCHEDULE_STATE);
  const moveSchedule = db.prepare(MOVE_SCHEDULE);
  const insertFiring = db.prepare(INSERT_FIRING);
  const insertAudit = db.prepare(INSERT_AUDIT);
  const forgetRefusals = db.prepare(FORGET_REFUSALS);
  const forgetOthers = db.prepare(FORGET_OTHERS);
  const readPolicy = db.prepare<[], { digest: Digest | null }>(READ_POLICY);
  const insertPolicy = db.prepare("INSERT INTO trust_policies (policy, uri, since) VALUES (?, ?, ?)");

  function audit(entries: readonly AuditEntry[]): void {
    if (entries.length === 0) return;
    for (const { at, name, subject, data } of entries) {
      const { lastInsertRowid } = insertAudit.run(at, name, subject, JSON.stringify(data));
      if (Number(lastInsertRowid) % FORGET_OTHERS_EVERY === 0) forgetOthers.run(auditLimits.others);
    }
    if (entries.some(({ name }) => name === REFUSAL)) forgetRefusals.run(auditLimits.refusals);
  }

  function writeFile(file: PackageFileRecord): void {
    const { location, state, stat, archiveDigest, package: identity, keeps, error, seenAt, changedAt } = file;
    putFile.run(
      location.folder,
      location.name,
      state,
      JSON.stringify(stat),
      archiveDigest,
      identity?.name ?? null,
      identity?.version ?? null,
      identity?.digest ?? null,
      keeps,
      written(error),
      seenAt,
      changedAt,
    );
  }

  function writePackage(record: PackageRecord): void {
    const { identity, manifest, state, loadedAt, unloadedAt } = record;
    putPackage.run(
      identity.digest,
      identity.name,
      identity.version,
      JSON.stringify(manifest),
      state,
      loadedAt,
      unloadedAt,
      record.admission,
      record.policy,
      JSON.stringify(record.signers),
      JSON.stringify(record.countedSince),
      JSON.stringify(record.signatures),
    );
  }

  /** Replaces what a package serves, keeping what is stored under the same identities. */
  function serve(served: ServedPackage): void {
    const workflows = new Map(readWorkflows.all(served.name).map((row) => [row.id, workflowRecordOf(row)]));
    const schedules = new Map(readSchedules.all(served.name).map((row) => [row.id, scheduleOf(row)]));
    forgetWorkflows.run(served.name);
    forgetSchedules.run(served.name);
    for (const fresh of served.workflows) {
      const { id, snapshot, content, present, pausedAt } = workflowKeeping(workflows.get(fresh.id), fresh);
      putSnapshot.run(snapshot, content.package.digest, canonicalJson(content));
      putWorkflow.run(id, served.name, snapshot, present ? 1 : 0, pausedAt);
    }
    for (const fresh of served.schedules) {
      const schedule = scheduleKeeping(schedules.get(fresh.id), fresh);
      const { id, workflow, name, cron, timezone, params, catchUp, overlap, state, present, nextAt } = schedule;
      putSchedule.run(
        id,
        served.name,
        workflow,
        name,
        cron,
        timezone,
        JSON.stringify(params),
        JSON.stringify(catchUp),
        overlap,
        state,
        present ? 1 : 0,
        nextAt,
      );
    }
  }

  function writeFiring(firing: Firing): void {
    const { schedule, plannedAt, decidedAt, decision, runId, late, reason, count } = firing;
    insertFiring.run(schedule, plannedAt, decidedAt, decision, runId, late ? 1 : 0, reason, count);
  }

  return {
    registry(change: RegistryChange, entries: readonly AuditEntry[]): Verdict {
      for (const { folder, name } of change.gone) deleteFile.run(folder, name);
      for (const file of change.files) writeFile(file);
      for (const { statement, digest, signature, keyId } of change.statements) {
        insertStatement.run(attestationFileName(digest), statement, signature, keyId);
      }
      for (const record of change.packages) writePackage(record);
      for (const served of change.served) serve(served);
      audit(entries);
      return accepted;
    },

    fire(change: Extract<Change, { type: "fire" }>): Verdict {
      if (moveSchedule.run(change.nextAt, change.schedule, change.expectedNextAt).changes !== 1) {
        return refused("stale", `schedule ${change.schedule} is not due at ${change.expectedNextAt}`);
      }
      for (const firing of change.firings) writeFiring(firing);
      return runs.create(change.runs);
    },

    changePolicy({ from, to, uri, at, statement: { statement, digest, signature, keyId } }: NotedPolicy): Verdict {
      if ((readPolicy.get()?.digest ?? null) !== from) return refused("stale", "another trust policy holds");
      insertPolicy.run(to, uri, at);
      insertStatement.run(attestationFileName(digest), statement, signature, keyId);
      return accepted;
    },

    pauseWorkflow(change: Extract<Change, { type: "pause_workflow" }>): Verdict {
      if (pauseWorkflow.run(change.pausedAt, change.workflow).changes !== 1) return refused("missing", change.workflow);
      audit([change.audit]);
      return accepted;
    },

    setScheduleState(change: Extract<Change, { type: "set_schedule_state" }>): Verdict {
      if (setScheduleState.run(change.state, change.nextAt, change.schedule).changes !== 1)
        return refused("missing", change.schedule);
      audit([change.audit]);
      return accepted;
    },

    audit(entries: readonly AuditEntry[]): Verdict {
      audit(entries);
      return accepted;
    },
  };
}
