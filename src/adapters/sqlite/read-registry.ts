import type { AuditEntry } from "../../domain/audit.ts";
import type { Manifest } from "../../domain/manifest.ts";
import type { PackageFileRecord, PackageRecord, WorkflowRecord } from "../../domain/registry.ts";
import type { Firing, Schedule } from "../../domain/schedule.ts";
import type { SnapshotContent } from "../../domain/snapshot.ts";
import type { RegistryStore, ScheduleStore } from "../../ports/store.ts";
import type { Database } from "./open.ts";
import { parsed } from "./run-rows.ts";

interface FileRow {
  folder: string;
  name: string;
  state: PackageFileRecord["state"];
  stat: string;
  archive_digest: string | null;
  package_name: string | null;
  package_version: string | null;
  package_digest: string | null;
  error: string | null;
  seen_at: number;
  changed_at: number;
}

interface PackageRow {
  digest: string;
  name: string;
  version: string;
  manifest: string;
  state: PackageRecord["state"];
  loaded_at: number;
  unloaded_at: number | null;
}

interface ScheduleRow {
  id: string;
  workflow: string;
  name: string;
  cron: string;
  timezone: string;
  params: string;
  catch_up: string;
  overlap: Schedule["overlap"];
  state: Schedule["state"];
  present: 0 | 1;
  next_at: number | null;
}

interface FiringRow {
  schedule: string;
  planned_at: number;
  decided_at: number;
  decision: Firing["decision"];
  run_id: string | null;
  late: 0 | 1;
  reason: string | null;
  count: number;
}

export function createRegistryStore(
  db: Database,
): Omit<RegistryStore, "snapshot"> & ScheduleStore & { audit(limit: number): Promise<AuditEntry[]> } {
  const readPackages = db.prepare<[], PackageRow>("SELECT * FROM packages ORDER BY name, loaded_at");
  const readFiles = db.prepare<[], FileRow>("SELECT * FROM package_files ORDER BY folder, name");
  const readFile = db.prepare<[string, string], FileRow>("SELECT * FROM package_files WHERE folder = ? AND name = ?");
  const readWorkflows = db.prepare<
    [],
    { id: string; snapshot: string; present: 0 | 1; paused_at: number | null; content: string }
  >(
    `SELECT workflows.id, workflows.snapshot, workflows.present, workflows.paused_at, snapshots.content
      FROM workflows JOIN snapshots ON snapshots.digest = workflows.snapshot ORDER BY workflows.id`,
  );
  const readCollectable = db
    .prepare<[number], string>(
      `SELECT digest FROM packages WHERE state = 'unloaded' AND unloaded_at < ? AND NOT EXISTS (
      SELECT 1 FROM snapshots JOIN runs ON runs.snapshot = snapshots.digest
      WHERE snapshots.package_digest = packages.digest AND runs.ended_at IS NULL)`,
    )
    .pluck();
  const readSchedules = db.prepare<[], ScheduleRow>("SELECT * FROM schedules ORDER BY id");
  const readFirings = db.prepare<[string, number], FiringRow>(
    "SELECT * FROM firings WHERE schedule = ? ORDER BY planned_at DESC LIMIT ?",
  );
  const readAudit = db.prepare<[number], { at: number; name: string; subject: string | null; data: string }>(
    "SELECT at, name, subject, data FROM audit ORDER BY id DESC LIMIT ?",
  );

  return {
    async packages() {
      return readPackages.all().map(packageOf);
    },
    async packageFiles() {
      return readFiles.all().map(fileOf);
    },
    async packageFile({ folder, name }) {
      const row = readFile.get(folder, name);
      return row && fileOf(row);
    },
    async workflows() {
      return readWorkflows.all().map((row): WorkflowRecord => ({
        id: row.id,
        snapshot: row.snapshot,
        content: JSON.parse(row.content) as SnapshotContent,
        present: row.present === 1,
        pausedAt: row.paused_at,
      }));
    },
    async collectablePackages(unloadedBefore) {
      return readCollectable.all(unloadedBefore);
    },
    async schedules() {
      return readSchedules.all().map(scheduleOf);
    },
    async firings(schedule, limit) {
      return readFirings.all(schedule, limit).map(firingOf);
    },
    async audit(limit) {
      return readAudit.all(limit).map((row) => ({ ...row, data: JSON.parse(row.data) as AuditEntry["data"] }));
    },
  };
}

function packageOf(row: PackageRow): PackageRecord {
  return {
    identity: { name: row.name, version: row.version, digest: row.digest },
    manifest: JSON.parse(row.manifest) as Manifest,
    state: row.state,
    loadedAt: row.loaded_at,
    unloadedAt: row.unloaded_at,
  };
}

function fileOf(row: FileRow): PackageFileRecord {
  const { folder, name, package_name, package_version, package_digest } = row;
  const isPackage = package_name !== null && package_version !== null && package_digest !== null;
  return {
    location: { folder, name },
    state: row.state,
    stat: JSON.parse(row.stat) as PackageFileRecord["stat"],
    archiveDigest: row.archive_digest,
    package: isPackage ? { name: package_name, version: package_version, digest: package_digest } : null,
    error: parsed<PackageFileRecord["error"]>(row.error),
    seenAt: row.seen_at,
    changedAt: row.changed_at,
  };
}

function scheduleOf(row: ScheduleRow): Schedule {
  const { id, workflow, name, cron, timezone, overlap, state } = row;
  return {
    id,
    workflow,
    name,
    cron,
    timezone,
    params: JSON.parse(row.params) as Schedule["params"],
    catchUp: JSON.parse(row.catch_up) as Schedule["catchUp"],
    overlap,
    state,
    present: row.present === 1,
    nextAt: row.next_at,
  };
}

function firingOf(row: FiringRow): Firing {
  const { schedule, decision, reason, count } = row;
  return {
    schedule,
    plannedAt: row.planned_at,
    decidedAt: row.decided_at,
    decision,
    runId: row.run_id,
    late: row.late === 1,
    reason,
    count,
  };
}
