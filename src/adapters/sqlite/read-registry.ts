import type { AuditEntry } from "../../domain/audit.ts";
import type { PolicyInForce } from "../../domain/policy-statement.ts";
import type { RegistryStore, ScheduleStore } from "../../ports/store.ts";
import type { Database } from "./open.ts";
import {
  admissionOf,
  type AdmissionRow,
  fileOf,
  type FileRow,
  firingOf,
  type FiringRow,
  packageOf,
  type PackageRow,
  scheduleOf,
  type ScheduleRow,
  SELECT_WORKFLOWS,
  workflowRecordOf,
  type WorkflowRow,
} from "./registry-rows.ts";
import { storedJson } from "./stored-values.ts";

/** Of a policy that was taken away the digest is null. */
export const READ_POLICY = "SELECT policy AS digest, uri FROM trust_policies ORDER BY id DESC LIMIT 1";

export function createRegistryStore(
  db: Database,
): Omit<RegistryStore, "snapshot"> & ScheduleStore & { audit(limit: number): Promise<AuditEntry[]> } {
  const readPackages = db.prepare<[], PackageRow>("SELECT * FROM packages ORDER BY name, loaded_at");
  const readPackage = db.prepare<[string], PackageRow>("SELECT * FROM packages WHERE digest = ?");
  const readAdmissions = db.prepare<[], AdmissionRow>(
    "SELECT digest, name, version, admission, policy, signers FROM packages",
  );
  const readPolicy = db.prepare<[], PolicyInForce | { digest: null }>(READ_POLICY);
  const readFiles = db.prepare<[], FileRow>("SELECT * FROM package_files ORDER BY folder, name");
  const readFile = db.prepare<[string, string], FileRow>("SELECT * FROM package_files WHERE folder = ? AND name = ?");
  const readWorkflows = db.prepare<[], WorkflowRow>(`${SELECT_WORKFLOWS} ORDER BY workflows.id`);
  const readCollectable = db
    .prepare<[number], string>(
      `SELECT digest FROM packages WHERE state = 'unloaded' AND unloaded_at < ? AND digest NOT IN (
      SELECT package_digest FROM snapshots WHERE digest IN (SELECT snapshot FROM runs WHERE ended_at IS NULL))`,
    )
    .pluck();
  const readFiringsBetween = db.prepare<[string, number, number], FiringRow>(
    "SELECT * FROM firings WHERE schedule = ? AND planned_at > ? AND planned_at <= ? ORDER BY planned_at LIMIT 10000",
  );
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
    async package(digest) {
      const row = readPackage.get(digest);
      return row && packageOf(row);
    },
    async policyInForce() {
      const last = readPolicy.get();
      return last?.digest ? last : null;
    },
    async admissions() {
      return readAdmissions.all().map(admissionOf);
    },
    async packageFiles() {
      return readFiles.all().map(fileOf);
    },
    async packageFile({ folder, name }) {
      const row = readFile.get(folder, name);
      return row && fileOf(row);
    },
    async workflows() {
      return readWorkflows.all().map(workflowRecordOf);
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
    async firingsBetween(schedule, after, until) {
      return readFiringsBetween.all(schedule, after, until).map(firingOf);
    },
    async audit(limit) {
      return readAudit.all(limit).map((row) => ({ ...row, data: storedJson(row.data) as AuditEntry["data"] }));
    },
  };
}
