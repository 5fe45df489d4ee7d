import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { archiveLimits } from "../../src/adapters/archive/package-archive.ts";
import { createCodeStore } from "../../src/adapters/filesystem/code-store.ts";
import { createPackageSource } from "../../src/adapters/filesystem/package-source.ts";
import { openStore } from "../../src/adapters/sqlite/store.ts";
import { createCalendar } from "../../src/adapters/time/calendar.ts";
import type { ServedPackage } from "../../src/domain/registry.ts";
import type { TrustPolicy } from "../../src/domain/trust-policy.ts";
import type { Clock } from "../../src/kernel/clock.ts";
import type { CrashPointName } from "../../src/kernel/crash-points.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { CascadeEvent } from "../../src/ports/events.ts";
import { createReconciler, type ReconcilerOptions, type ReconcilerPorts } from "../../src/registry/reconciler.ts";
import { createFakeClock } from "./fake-clock.ts";
import { trustPorts } from "./trust-ports.ts";
import { testArchive } from "./checks.ts";
import { tempFolder } from "./temp-folder.ts";

export interface RegistryRoomOptions {
  /** Stands still unless another one is given. */
  clock?: Clock;
  allowUnsafe?: boolean;
  ownUid?: number;
  /** Without one everything is let in. */
  policy?: () => TrustPolicy | null;
}

/** The registry on real folders, real archives and the real store. A test moves the clock and asks for scans. */
export function createRegistryRoom(options: RegistryRoomOptions = {}) {
  const base = tempFolder();
  const watched = join(base, "watched");
  const root = join(base, "store");
  mkdirSync(watched);
  mkdirSync(root);
  const fakeClock = createFakeClock();
  const clock = options.clock ?? fakeClock;
  const events: CascadeEvent[] = [];
  const served: ServedPackage[] = [];
  const passed: CrashPointName[] = [];
  const crashPoint = (name: CrashPointName) => void passed.push(name);
  const store = openStore({ file: join(base, "cascade.db"), now: clock.now(), crashPoint });
  onTestFinished(() => store.close());

  function boot(change: Partial<ReconcilerPorts> = {}, other: Partial<ReconcilerOptions> = {}) {
    const calendar = createCalendar();
    const { ports: trust, withBook } = trustPorts(store, options.policy);
    const reconciler = createReconciler(
      {
        source: createPackageSource({
          allowUnsafe: options.allowUnsafe ?? false,
          ownUid: options.ownUid ?? process.getuid!(),
          maxBytes: archiveLimits.packed,
          clock,
          logger: silentLogger,
        }),
        archive: testArchive(),
        codeStore: createCodeStore({ root, pid: process.pid, crashPoint }),
        store,
        ...trust,
        writer: { submit: async (submitted) => (await store.commit([submitted]))[0]! },
        calendar,
        events: { publish: (event) => void events.push(event) },
        clock,
        logger: silentLogger,
        crashPoint,
        onServed: (packages) => void served.push(...packages),
        ...change,
      },
      { folders: [watched], scanIntervalMs: 5_000, timezone: "UTC", ...other },
    );
    onTestFinished(() => reconciler.stop());
    return withBook(reconciler);
  }

  return {
    base,
    watched,
    root,
    clock: fakeClock,
    store,
    events,
    served,
    passed,
    boot,
    /** The path of a file in the watched folder. */
    path: (name: string) => join(watched, name),
    remove: (name: string) => rmSync(join(watched, name), { recursive: true }),
    /** What is loaded, as `name@version`. */
    loaded: async () =>
      (await store.packages())
        .filter(({ state }) => state === "loaded")
        .map(({ identity }) => `${identity.name}@${identity.version}`)
        .sort(),
    /** The active version of a package, by its live definitions. */
    active: async (name: string) =>
      (await store.workflows()).find(({ present, content }) => present && content.package.name === name)?.content
        .package,
    /** Each file's state, and the code of its error. */
    files: async () =>
      Object.fromEntries(
        (await store.packageFiles()).map(({ location, state, error }) => [
          location.name,
          error ? `${state} ${error.code}` : state,
        ]),
      ),
  };
}
