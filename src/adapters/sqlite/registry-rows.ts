import type { Manifest } from "../../domain/manifest.ts";
import type { AdmissionRecord, PackageFileRecord, PackageRecord, WorkflowRecord } from "../../domain/registry.ts";
import type { Firing, Schedule } from "../../domain/schedule.ts";
import type { SnapshotContent } from "../../domain/snapshot.ts";
import { parsed } from "./run-rows.ts";
import { storedJson, storedList, storedObject } from "./stored-values.ts";

export interface FileRow {
  folder: string;
  name: string;
  state: PackageFileRecord["state"];
  stat: string;
  archive_digest: string | null;
  package_name: string | null;
  package_version: string | null;
  package_digest: string | null;
  keeps: string | null;
  error: string | null;
  seen_at: number;
  changed_at: number;
}

export interface PackageRow {
  digest: string;
  name: string;
  version: string;
  manifest: string;
  state: PackageRecord["state"];
  loaded_at: number;
  unloaded_at: number | null;
  admission: string | null;
  policy: string | null;
  signers: string;
  counted_since: string;
  signatures: string;
}

export type AdmissionRow = Pick<PackageRow, "digest" | "name" | "version" | "admission" | "policy" | "signers">;

export interface ScheduleRow {
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

export interface FiringRow {
  schedule: string;
  planned_at: number;
  decided_at: number;
  decision: Firing["decision"];
  run_id: string | null;
  late: 0 | 1;
  reason: string | null;
  count: number;
}

export interface WorkflowRow {
  id: string;
  snapshot: string;
  present: 0 | 1;
  paused_at: number | null;
  content: string;
}

export const SELECT_WORKFLOWS = `SELECT workflows.id, workflows.snapshot, workflows.present, workflows.paused_at, snapshots.content
  FROM workflows JOIN snapshots ON snapshots.digest = workflows.snapshot`;

export function packageOf(row: PackageRow): PackageRecord {
  return {
    identity: { name: row.name, version: row.version, digest: row.digest },
    manifest: storedObject<Manifest>(row.manifest),
    state: row.state,
    loadedAt: row.loaded_at,
    unloadedAt: row.unloaded_at,
    ...trustOf(row),
    countedSince: storedObject<PackageRecord["countedSince"]>(row.counted_since),
    signatures: storedList<PackageRecord["signatures"][number]>(row.signatures),
  };
}

export function admissionOf(row: AdmissionRow): AdmissionRecord {
  return { identity: { name: row.name, version: row.version, digest: row.digest }, ...trustOf(row) };
}

function trustOf({ admission, policy, signers }: AdmissionRow): Omit<AdmissionRecord, "identity"> {
  return { admission, policy, signers: storedList<PackageRecord["signers"][number]>(signers) };
}

export function fileOf(row: FileRow): PackageFileRecord {
  const { folder, name, package_name, package_version, package_digest } = row;
  const isPackage = package_name !== null && package_version !== null && package_digest !== null;
  return {
    location: { folder, name },
    state: row.state,
    stat: storedObject<PackageFileRecord["stat"]>(row.stat),
    archiveDigest: row.archive_digest,
    package: isPackage ? { name: package_name, version: package_version, digest: package_digest } : null,
    keeps: row.keeps,
    error: parsed<NonNullable<PackageFileRecord["error"]>>(row.error),
    seenAt: row.seen_at,
    changedAt: row.changed_at,
  };
}

export function scheduleOf(row: ScheduleRow): Schedule {
  const { id, workflow, name, cron, timezone, overlap, state } = row;
  return {
    id,
    workflow,
    name,
    cron,
    timezone,
    params: storedJson(row.params) as Schedule["params"],
    catchUp: storedJson(row.catch_up) as Schedule["catchUp"],
    overlap,
    state,
    present: row.present === 1,
    nextAt: row.next_at,
  };
}

export function firingOf(row: FiringRow): Firing {
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

export function workflowRecordOf(row: WorkflowRow): WorkflowRecord {
  return {
    id: row.id,
    snapshot: row.snapshot,
    content: storedObject<SnapshotContent>(row.content),
    present: row.present === 1,
    pausedAt: row.paused_at,
  };
}
