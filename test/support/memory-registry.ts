import type { AuditEntry } from "../../src/domain/audit.ts";
import type { Change, Verdict } from "../../src/domain/change.ts";
import type { FileStat, PackageFileRecord, PackageRecord, WorkflowRecord } from "../../src/domain/registry.ts";
import type { Schedule } from "../../src/domain/schedule.ts";
import { filePath } from "../../src/domain/serving.ts";
import { scheduleKeeping, workflowKeeping } from "../../src/domain/stored-state.ts";
import { type Digest, sha256 } from "../../src/kernel/digest.ts";
import { CascadeError, type ErrorView } from "../../src/kernel/errors.ts";
import type { CodeStore, PackageArchive, PackageContent } from "../../src/ports/package-archive.ts";
import type { PackageSource } from "../../src/ports/package-source.ts";
import type { RegistryStore } from "../../src/ports/store.ts";
import type { ReconcilerPorts } from "../../src/registry/reconciler.ts";
import type { TinyPackage } from "./tiny-package.ts";

/** The registry's part of a store, without a disk. */
export function createMemoryRegistry() {
  const packages = new Map<Digest, PackageRecord>();
  const files = new Map<string, PackageFileRecord>();
  const workflows = new Map<string, WorkflowRecord>();
  const schedules = new Map<string, Schedule>();
  const audit: AuditEntry[] = [];
  const changes: Change[] = [];

  function commit(change: Change): Verdict {
    if (change.type !== "registry") throw new Error(`the registry does not write ${change.type}`);
    changes.push(change);
    for (const location of change.change.gone) files.delete(filePath(location));
    for (const record of change.change.files) files.set(filePath(record.location), record);
    for (const record of change.change.packages) packages.set(record.identity.digest, record);
    for (const served of change.change.served) {
      for (const record of workflows.values()) {
        if (record.content.package.name === served.name) record.present = false;
      }
      for (const record of served.workflows) {
        workflows.set(record.id, { ...workflowKeeping(workflows.get(record.id), record) });
      }
      const former = new Map(schedules);
      for (const record of schedules.values()) {
        if (record.id.startsWith(`${served.name}/`)) schedules.set(record.id, { ...record, present: false });
      }
      for (const record of served.schedules) schedules.set(record.id, scheduleKeeping(former.get(record.id), record));
    }
    audit.push(...change.audit);
    return { ok: true };
  }

  const store: ReconcilerPorts["store"] & Pick<RegistryStore, "admissions"> = {
    admissions: async () => [...packages.values()],
    packages: async () => [...packages.values()],
    packageFiles: async () => [...files.values()],
    workflows: async () => [...workflows.values()],
    schedules: async () => [...schedules.values()],
    collectablePackages: async (before) =>
      [...packages.values()]
        .filter(({ unloadedAt }) => unloadedAt !== null && unloadedAt < before)
        .map(({ identity }) => identity.digest),
  };
  return { store, commit, packages, files, workflows, schedules, audit, changes };
}

/** Watched folders in memory; each write is a new state of the file. */
export function createMemoryFolders(initial: readonly string[]) {
  let watched = [...initial];
  const files = new Map<string, { folder: string; name: string; bytes: Buffer; stat: FileStat }>();
  const errors = new Map<string, ErrorView>();
  const devices = new Map<string, number>();
  const reads: string[] = [];
  let tick = 0;

  const source: PackageSource = {
    scan: async () =>
      watched.map((folder) => {
        const error = errors.get(folder) ?? null;
        const device = devices.get(folder) ?? 1;
        const present = [...files.values()].filter((file) => file.folder === folder && file.stat.device === device);
        return {
          folder,
          error,
          device: error ? null : device,
          isRemote: false,
          files: error
            ? []
            : present.map(({ name, stat }) => ({ location: { folder, name }, stat: { ...stat }, refusal: null })),
        };
      }),
    async read(location) {
      reads.push(filePath(location));
      const file = files.get(filePath(location));
      return file && { bytes: file.bytes, stat: { ...file.stat }, changed: false };
    },
    whyPassedOver: async () => undefined,
    async remove(location) {
      files.delete(filePath(location));
    },
    onHint: () => undefined,
    async watch(folders) {
      watched = [...folders];
    },
    close: async () => undefined,
  };

  return {
    source,
    files,
    /** Folders that cannot be listed. */
    errors,
    /** The device a folder is on; 1 unless set. */
    devices,
    reads,
    write(folder: string, name: string, bytes: Buffer, modifiedNs?: string) {
      tick++;
      const stat = {
        device: devices.get(folder) ?? 1,
        inode: tick,
        size: bytes.length,
        modifiedNs: modifiedNs ?? String(tick),
        changedNs: String(tick),
      };
      files.set(`${folder}/${name}`, { folder, name, bytes, stat });
    },
    remove: (folder: string, name: string) => files.delete(`${folder}/${name}`),
  };
}

/** Reads the bytes of packages it was told of; `incomplete…` may still arrive, and everything else is broken. */
export function createMemoryArchive(packages: readonly TinyPackage[]): PackageArchive {
  const known = new Map(packages.map(({ bytes, content }) => [sha256(bytes), content]));
  const read: PackageArchive["read"] = async (bytes) => {
    const content = known.get(sha256(bytes));
    if (content) return { kind: "whole", content };
    if (bytes.toString("utf8").startsWith("incomplete")) {
      return { kind: "incomplete", error: new CascadeError("PACKAGE_TRUNCATED", "the archive ends early") };
    }
    return { kind: "broken", error: new CascadeError("PACKAGE_CORRUPT", "the archive is damaged") };
  };
  return { read, inspect: read, check: async () => undefined };
}

export function createMemoryCodeStore(): CodeStore & { folders: Map<Digest, PackageContent> } {
  const folders = new Map<Digest, PackageContent>();
  return {
    folders,
    has: async (digest) => folders.has(digest),
    put: async (content) => void folders.set(content.digest, content),
    remove: async (digest) => void folders.delete(digest),
    list: async () => [...folders.keys()],
    sweepStaging: async () => undefined,
  };
}
