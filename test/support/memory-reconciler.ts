import type { Change } from "../../src/domain/change.ts";
import type { CascadeEvent } from "../../src/ports/events.ts";
import type { ServedPackage } from "../../src/domain/registry.ts";
import type { TrustPolicy } from "../../src/domain/trust-policy.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import { createReconciler, type ReconcilerOptions, type ReconcilerPorts } from "../../src/registry/reconciler.ts";
import { createFakeClock } from "./fake-clock.ts";
import {
  createMemoryArchive,
  createMemoryCodeStore,
  createMemoryFolders,
  createMemoryRegistry,
} from "./memory-registry.ts";
import { trustPorts } from "./trust-ports.ts";
import type { TinyPackage } from "./tiny-package.ts";

/** Fires each full minute, whatever the rule. */
const minutes: ReconcilerPorts["calendar"] = {
  next: (_cron, _timezone, after) => (Math.floor(after / 60_000) + 1) * 60_000,
};

/** A registry room on ports in memory, so that thousands of folders can be played through. */
export function createMemoryRoom(
  known: readonly TinyPackage[],
  folders: readonly string[] = ["/w"],
  policy: () => TrustPolicy | null = () => null,
) {
  const clock = createFakeClock();
  const registry = createMemoryRegistry();
  const watched = createMemoryFolders(folders);
  const codeStore = createMemoryCodeStore();
  const events: CascadeEvent[] = [];
  const served: ServedPackage[] = [];

  const ports = {
    source: watched.source,
    archive: createMemoryArchive(known),
    codeStore,
    store: registry.store,
    writer: { submit: async (change: Change) => registry.commit(change) },
    calendar: minutes,
    events: { publish: (event: CascadeEvent) => void events.push(event) },
    clock,
    logger: silentLogger,
    crashPoint: () => undefined,
    onServed: (packages: readonly ServedPackage[]) => void served.push(...packages),
  };
  const options: ReconcilerOptions = { folders, scanIntervalMs: 5_000, timezone: "UTC" };
  return {
    clock,
    registry,
    watched,
    codeStore,
    events,
    served,
    ports,
    /** A reconciler of one life; a second one is the daemon after a restart. */
    boot(change: Partial<ReconcilerPorts> = {}, other: Partial<ReconcilerOptions> = {}) {
      const { ports: trust, withBook } = trustPorts(registry.store, policy);
      return withBook(createReconciler({ ...ports, ...trust, ...change }, { ...options, ...other }));
    },
  };
}
