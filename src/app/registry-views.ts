import type { Manifest } from "../domain/manifest.ts";
import type { PackageFileRecord, PackageRecord, WorkflowRecord } from "../domain/registry.ts";
import type { Schedule } from "../domain/schedule.ts";
import { filePath } from "../domain/serving.ts";
import type { Digest } from "../kernel/digest.ts";
import type { Json } from "../kernel/json.ts";
import { isoOrNull } from "./run-views.ts";
import type { PackageDetailView, PackageView, ScheduleView, WorkflowDetailView, WorkflowView } from "./views.ts";

/** What the registry holds, as far as lists of packages need it. */
export interface RegistryFacts {
  files: readonly PackageFileRecord[];
  packages: readonly PackageRecord[];
  workflows: readonly WorkflowRecord[];
}

/** A row per file in the watched folders, and one per package that serves on though its file holds something else now. */
export function packageViews(facts: RegistryFacts): PackageView[] {
  const byDigest = new Map(facts.packages.map((record) => [record.identity.digest, record]));
  const active = activeDigests(facts);
  const rows = facts.files.map((file): PackageView => {
    const digest = file.package?.digest ?? null;
    const loaded = file.state === "loaded" && digest !== null ? byDigest.get(digest) : undefined;
    return {
      name: file.package?.name ?? null,
      version: file.package?.version ?? null,
      digest,
      state: file.state,
      active: loaded !== undefined && active.has(loaded.identity.digest),
      file: filePath(file.location),
      loadedAt: isoOrNull(loaded?.loadedAt ?? null),
      error: file.error,
    };
  });
  const shown = new Set(rows.filter(({ state }) => state === "loaded").map(({ digest }) => digest));
  const kept = facts.packages.filter(({ state, identity }) => state === "loaded" && !shown.has(identity.digest));
  return [...rows, ...kept.map((record) => loadedView(record, facts))].toSorted(byNameAndVersion);
}

/** What a package holds; `record` is loaded or was once. */
export function packageDetailView(record: PackageRecord, facts: RegistryFacts): PackageDetailView {
  const { manifest } = record;
  return {
    ...loadedView(record, facts),
    admission: record.admission,
    signers: record.signers,
    description: manifest.description,
    env: manifest.env,
    workflows: manifest.workflows.map(({ name }) => `${manifest.name}/${name}`),
    files: fileViews(manifest),
  };
}

function loadedView(record: PackageRecord, facts: RegistryFacts): PackageView {
  const { identity } = record;
  const file =
    facts.files.find(({ state, package: held }) => state === "loaded" && held?.digest === identity.digest) ??
    facts.files.find(({ keeps }) => keeps === identity.digest);
  return {
    ...identity,
    state: record.state,
    active: activeDigests(facts).has(identity.digest),
    file: file ? filePath(file.location) : null,
    loadedAt: isoOrNull(record.loadedAt),
    error: null,
  };
}

function fileViews(manifest: Manifest): PackageDetailView["files"] {
  return manifest.files.map(({ path, size, sha256 }) => ({ path, size, sha256 }));
}

function activeDigests({ workflows }: RegistryFacts): ReadonlySet<Digest> {
  return new Set(workflows.filter(({ present }) => present).map(({ content }) => content.package.digest));
}

function byNameAndVersion(a: PackageView, b: PackageView): number {
  return compare(a.name ?? "", b.name ?? "") || compare(a.version ?? "", b.version ?? "") || compare(a.file, b.file);
}

function compare(a: string | null, b: string | null): number {
  return (a ?? "") < (b ?? "") ? -1 : (a ?? "") > (b ?? "") ? 1 : 0;
}

/** `schedules`: those of this workflow that are present. */
export function workflowView(record: WorkflowRecord, schedules: readonly Schedule[]): WorkflowView {
  return {
    ...workflowHead(record),
    tasks: record.content.definition.tasks.length,
    schedules: schedules.length,
    nextAt: nextAt(schedules),
  };
}

export function workflowDetailView(
  record: WorkflowRecord,
  schedules: readonly Schedule[],
  views: readonly ScheduleView[],
): WorkflowDetailView {
  const { definition } = record.content;
  return {
    ...workflowHead(record),
    nextAt: nextAt(schedules),
    params: definition.params,
    timeoutMs: definition.timeoutMs,
    concurrency: definition.concurrency,
    tasks: definition.tasks as unknown as readonly Json[],
    schedules: views,
  };
}

function workflowHead({ id, content, pausedAt }: WorkflowRecord) {
  return {
    id,
    name: content.definition.name,
    package: content.package.name,
    version: content.package.version,
    digest: content.package.digest,
    description: content.definition.description,
    paused: pausedAt !== null,
  };
}

function nextAt(schedules: readonly Schedule[]): string | null {
  const instants = schedules.flatMap(({ state, nextAt: at }) => (state === "active" && at !== null ? [at] : []));
  return instants.length === 0 ? null : isoOrNull(Math.min(...instants));
}
