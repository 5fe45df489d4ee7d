import { createService, type Service } from "../kernel/service.ts";
import type { ErrorView } from "../kernel/errors.ts";
import type { CodeStore } from "../ports/package-archive.ts";
import type { FolderListing, PackageSource } from "../ports/package-source.ts";
import type { RegistryStore, ScheduleStore } from "../ports/store.ts";
import { createIntake, type IntakePorts } from "./intake.ts";
import { createPassedOver } from "./passed-over.ts";
import { filesOfPackage, type RemovalReport, removeFiles } from "./removal.ts";
import { restoreRegistry } from "./restore.ts";

/** Changes made by another host give no hint: a network file system is scanned at least this often. */
const REMOTE_SCAN_MS = 2_000;

export interface ReconcilerPorts extends IntakePorts {
  source: PackageSource;
  codeStore: CodeStore;
  store: Pick<RegistryStore, "packages" | "packageFiles" | "workflows" | "collectablePackages"> &
    Pick<ScheduleStore, "schedules">;
}

export interface ReconcilerOptions {
  folders: readonly string[];
  scanIntervalMs: number;
  /** For schedules that name no zone. */
  timezone: string;
}

export interface RegistryStatus {
  folders: readonly { dir: string; ok: boolean; error: ErrorView | null; files: number }[];
  /** Loaded packages and rejected files. */
  loaded: number;
  rejected: number;
}

export interface Reconciler extends Service {
  /** Resolves when a scan that began after the call has been acted on. */
  reconcileOnce(): Promise<void>;
  /** Watches these folders instead; packages of folders that are no longer watched are unloaded. */
  setFolders(folders: readonly string[]): Promise<void>;
  /** Another trust policy holds: resolves when what is loaded, and what was rejected, is judged by it. */
  policyChanged(): Promise<void>;
  /** Deletes the files of a package (of one version, if named) and unloads it. Rejects with `PACKAGE_UNKNOWN`. */
  removePackage(name: string, version?: string): Promise<RemovalReport>;
  /** Deletes the code of packages that were unloaded before the instant and that no run needs; resolves to how many. */
  collect(unloadedBefore: number): Promise<number>;
  status(): RegistryStatus;
  /** Why each thing in the folders that is no package is passed over, up to a hundred a folder. */
  passedOver(): readonly ErrorView[];
}

/**
 * Keeps the registry equal to the watched folders. Starting resolves when the folders have been scanned once and what lies
 * in them is loaded or rejected; later scans follow hints and the interval, never two at a time.
 */
export function createReconciler(ports: ReconcilerPorts, options: ReconcilerOptions): Reconciler {
  const { source, clock, logger, codeStore } = ports;
  const intake = createIntake(ports, options);
  const passedOver = createPassedOver(source, logger);
  let listings: readonly FolderListing[] = [];
  let isStopped = false;
  let callOff = (): void => undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let nextScan: Promise<void> | undefined;

  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = turn.then(work);
    turn = result.catch(() => undefined);
    return result;
  }

  /** Joins the scan that has been asked for and not begun, or asks for one. */
  function scan(): Promise<void> {
    nextScan ??= inTurn(() => {
      nextScan = undefined;
      return scanNow();
    });
    return nextScan;
  }

  function scanSoon(): void {
    if (isStopped) return;
    scan().catch((error: unknown) => {
      logger.error({ event: "registry.scan_failed", err: error }, "the watched folders could not be reconciled");
    });
  }

  async function scanNow(): Promise<void> {
    if (isStopped) return;
    callOff();
    let wait = options.scanIntervalMs;
    try {
      listings = await source.scan();
      if (listings.some(({ isRemote }) => isRemote)) wait = Math.min(wait, REMOTE_SCAN_MS);
      const next = await intake.actOn(listings);
      await passedOver.note(listings);
      wait = Math.min(wait, Math.max(1, next - clock.now()));
    } finally {
      callOff = clock.after(wait, scanSoon);
    }
  }

  const service = createService(
    async () => {
      intake.restore(await restoreRegistry({ store: ports.store, codeStore, timezone: options.timezone }));
      source.onHint(scanSoon);
      await source.watch(options.folders);
      await scan();
    },
    async () => {
      isStopped = true;
      callOff();
      await source.close();
      await turn;
    },
  );

  return {
    ...service,
    reconcileOnce: scan,
    async setFolders(next) {
      await inTurn(() => source.watch(next));
      await scan();
    },
    async policyChanged() {
      await inTurn(async () => intake.policyChanged());
      await scan();
    },
    async removePackage(name, version) {
      const report = await removeFiles(filesOfPackage(intake.state(), name, version), source, intake.unlistable());
      intake.removed(report.removed);
      await scan();
      return report;
    },
    collect: (unloadedBefore) =>
      inTurn(async () => {
        const unpacked = new Set(await codeStore.list());
        const collectable = await ports.store.collectablePackages(unloadedBefore);
        const unneeded = collectable.filter((digest) => unpacked.has(digest) && !intake.state().packages.has(digest));
        for (const digest of unneeded) await codeStore.remove(digest);
        return unneeded.length;
      }),
    passedOver: () => passedOver.all(),
    status() {
      const { packages, files } = intake.state();
      return {
        folders: listings.map(({ folder, files: present }) => {
          const error = intake.folderErrors().get(folder) ?? null;
          return { dir: folder, ok: error === null, error, files: present.length };
        }),
        loaded: packages.size,
        rejected: [...files.values()].filter((record) => record.state === "rejected").length,
      };
    },
  };
}
