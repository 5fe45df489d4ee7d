import type { ServedPackage, WorkflowRecord } from "../domain/registry.ts";
import { type Snapshot, snapshotOf } from "../domain/snapshot.ts";
import type { WorkflowId } from "../domain/workflow.ts";
import type { RegistryStore } from "../ports/store.ts";

/** The definitions that new runs take, in memory, so that starting a run asks the store nothing. */
export interface LiveWorkflows {
  /** Reads them all again. */
  load(): Promise<void>;
  /** Takes over what a registry change serves from now on. Called when that change is durable, before anyone hears of it. */
  served(packages: readonly ServedPackage[]): void;
  ids(): readonly WorkflowId[];
  snapshot(id: WorkflowId): Snapshot | undefined;
}

export function createLiveWorkflows(store: Pick<RegistryStore, "workflows">): LiveWorkflows {
  const records = new Map<WorkflowId, WorkflowRecord>();
  const snapshots = new Map<WorkflowId, Snapshot>();

  function put(record: WorkflowRecord): void {
    records.set(record.id, record);
    if (snapshots.get(record.id)?.digest !== record.snapshot) snapshots.delete(record.id);
  }
  function drop(id: WorkflowId): void {
    records.delete(id);
    snapshots.delete(id);
  }

  return {
    async load() {
      const present = (await store.workflows()).filter((record) => record.present);
      const ids = new Set(present.map(({ id }) => id));
      for (const id of [...records.keys()]) if (!ids.has(id)) drop(id);
      for (const record of present) put(record);
    },
    served(packages) {
      for (const { name, workflows } of packages) {
        const ids = new Set(workflows.map(({ id }) => id));
        for (const { id, content } of [...records.values()]) {
          if (content.package.name === name && !ids.has(id)) drop(id);
        }
        for (const record of workflows) put(record);
      }
    },
    ids: () => [...records.keys()],
    snapshot(id) {
      const known = snapshots.get(id);
      if (known) return known;
      const record = records.get(id);
      if (!record) return undefined;
      const snapshot = snapshotOf(record.content);
      snapshots.set(id, snapshot);
      return snapshot;
    },
  };
}
