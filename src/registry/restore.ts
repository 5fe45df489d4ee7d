import type { Manifest } from "../domain/manifest.ts";
import type { PackageRecord } from "../domain/registry.ts";
import type { Schedule } from "../domain/schedule.ts";
import { filePath } from "../domain/serving.ts";
import { scheduleId, workflowId } from "../domain/workflow.ts";
import type { CodeStore } from "../ports/package-archive.ts";
import type { RegistryStore, ScheduleStore } from "../ports/store.ts";
import type { RegistryState } from "./registry-state.ts";

export interface RestorePorts {
  store: Pick<RegistryStore, "packages" | "packageFiles" | "workflows"> & Pick<ScheduleStore, "schedules">;
  codeStore: CodeStore;
  /** For schedules that name no zone. */
  timezone: string;
}

export interface Restored {
  state: RegistryState;
  /** Paths to look into although they have not changed. */
  again: Set<string>;
}

/**
 * Takes up the registry where the former life left it, and clears the code store of what no package row names. Files are
 * looked into again when their code is missing, when they were arriving, and when they were rejected: another version of
 * the daemon may take them.
 */
export async function restoreRegistry({ store, codeStore, timezone }: RestorePorts): Promise<Restored> {
  await codeStore.sweepStaging();
  const rows = await store.packages();
  const known = new Set(rows.map(({ identity }) => identity.digest));
  const unpacked = new Set(await codeStore.list());
  for (const digest of unpacked) if (!known.has(digest)) await codeStore.remove(digest);

  const packages = new Map(rows.filter(isLoaded).map((record) => [record.identity.digest, record]));
  const files = new Map((await store.packageFiles()).map((record) => [filePath(record.location), record]));
  const again = new Set<string>();
  for (const [path, record] of files) {
    if (record.state !== "loaded" || !record.package || !unpacked.has(record.package.digest)) again.add(path);
  }

  const schedules = new Map((await store.schedules()).map((schedule) => [schedule.id, schedule]));
  const active = new Map<string, string>();
  for (const { present, content } of await store.workflows()) {
    const { name, digest } = content.package;
    const record = packages.get(digest);
    // Left out, it counts as not served, and the first scan serves it anew.
    if (present && (!record || agrees(record.manifest, schedules, timezone))) active.set(name, digest);
  }
  return { state: { files, packages, active }, again };
}

function isLoaded(record: PackageRecord): boolean {
  return record.state === "loaded";
}

/** False when a schedule without a zone of its own has got another one by the configuration. */
function agrees({ name, workflows }: Manifest, stored: ReadonlyMap<string, Schedule>, timezone: string): boolean {
  return workflows.every((workflow) =>
    workflow.schedules
      .filter((schedule) => schedule.timezone === null)
      .every(
        (schedule) => stored.get(scheduleId(workflowId(name, workflow.name), schedule.name))?.timezone === timezone,
      ),
  );
}
