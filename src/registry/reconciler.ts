import type { Manifest, PackageIdentity } from "../domain/manifest.ts";
import type { PackageFileRecord, PackageRecord } from "../domain/registry.ts";
import { filePath } from "../domain/serving.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Digest } from "../kernel/digest.ts";
import { type ErrorView, errorView } from "../kernel/errors.ts";
import { createService, type Service } from "../kernel/service.ts";
import type { Calendar } from "../ports/calendar.ts";
import type { CodeStore, PackageArchive, PackageContent } from "../ports/package-archive.ts";
import type { FolderListing, FoundFile, PackageSource } from "../ports/package-source.ts";
import type { RegistryStore, ScheduleStore } from "../ports/store.ts";
import { createArrivals } from "./arrivals.ts";
import { lookInto } from "./loader.ts";
import { reconcile, sameStat } from "./reconcile.ts";
import { createRecorder, type RecorderPorts } from "./recorder.ts";
import { filesOfPackage, type RemovalReport, removeFiles } from "./removal.ts";
import type { Finding, RegistryState } from "./registry-step.ts";
import { restoreRegistry } from "./restore.ts";
import { nothingServed, servedPackage } from "./served-package.ts";

/** Changes made by another host give no hint: a network file system is scanned at least this often. */
const REMOTE_SCAN_MS = 2_000;
/** One change takes so many packages, or so many unpacked bytes: what is read waits in memory until it is written. */
const BATCH_FILES = 64;
const BATCH_BYTES = 64 * 1024 * 1024;

export interface ReconcilerPorts extends Omit<RecorderPorts, "codeStore" | "serve" | "serveNothing"> {
  source: PackageSource;
  archive: PackageArchive;
  codeStore: CodeStore;
  store: Pick<RegistryStore, "packages" | "packageFiles" | "workflows" | "collectablePackages"> &
    Pick<ScheduleStore, "schedules">;
  calendar: Calendar;
  clock: Clock;
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
  /** Deletes the files of a package (of one version, if named) and unloads it. Rejects with `PACKAGE_UNKNOWN`. */
  removePackage(name: string, version?: string): Promise<RemovalReport>;
  /** Deletes the code of packages that were unloaded before the instant and that no run needs; resolves to how many. */
  collect(unloadedBefore: number): Promise<number>;
  status(): RegistryStatus;
}

/**
 * Keeps the registry equal to the watched folders. Starting resolves when the folders have been scanned once and what lies
 * in them is loaded or rejected; later scans follow hints and the interval, never two at a time.
 */
export function createReconciler(ports: ReconcilerPorts, options: ReconcilerOptions): Reconciler {
  const { source, clock, logger, codeStore } = ports;
  const context = (calendar: Pick<Calendar, "next">) => ({ calendar, timezone: options.timezone, now: clock.now() });
  const serve = (identity: PackageIdentity, manifest: Manifest) =>
    servedPackage(identity, manifest, context({ next: nextOrNone }));
  const check = (identity: PackageIdentity, manifest: Manifest) =>
    void servedPackage(identity, manifest, context(ports.calendar));
  const recorder = createRecorder({ ...ports, serve, serveNothing: nothingServed }, () => clock.now());
  const arrivals = createArrivals();
  /** The last reason for which a file could not be read or unpacked, so that it is logged once. */
  const troubles = new Map<string, string>();
  let state: RegistryState = { files: new Map(), packages: new Map(), active: new Map() };
  let again = new Set<string>();
  let folders: RegistryStatus["folders"] = [];
  let folderErrors: ReadonlyMap<string, ErrorView> = new Map();
  let isStopped = false;
  let callOff = (): void => undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let nextScan: Promise<void> | undefined;

  /** A rule that was fine when its package was loaded and is no more, as after an update of the zones: it must not stop others. */
  function nextOrNone(cron: string, timezone: string, after: number): number | null {
    try {
      return ports.calendar.next(cron, timezone, after);
    } catch (error) {
      logger.error({ event: "schedule.failed", cron, timezone, err: errorView(error) }, `${cron} cannot be computed`);
      return null;
    }
  }

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
      const listings = await source.scan();
      if (listings.some(({ isRemote }) => isRemote)) wait = Math.min(wait, REMOTE_SCAN_MS);
      const next = await actOn(listings);
      wait = Math.min(wait, Math.max(1, next - clock.now()));
    } finally {
      callOff = clock.after(wait, scanSoon);
    }
  }

  /** Resolves to the instant at which one of the files is to be looked at again without a hint. */
  async function actOn(listings: readonly FolderListing[]): Promise<number> {
    const plan = reconcile(listings, state.files, again);
    report(listings, plan.folderErrors);
    const batch = createBatch(listings);
    const readAts: number[] = [];
    for (const found of plan.look) {
      const now = clock.now();
      const readAt = arrivals.mayReadAt(filePath(found.location), now);
      if (readAt > now) readAts.push(readAt);
      else await batch.look(found);
      if (batch.isFull()) await batch.flush([]);
    }
    for (const { found, record } of plan.still) {
      const error = arrivals.reason(record);
      const isBroken = arrivals.brokenAt(record, clock.now()) <= clock.now();
      if (error && isBroken) batch.add({ kind: "rejected", location: found.location, stat: record.stat, error });
    }
    await batch.flush(plan.gone);
    for (const { location } of plan.gone) {
      arrivals.forget(filePath(location));
      troubles.delete(filePath(location));
    }
    const brokenAts = [...plan.look, ...plan.still.map(({ found }) => found)]
      .map(({ location }) => state.files.get(filePath(location)))
      .filter((record) => record?.state === "arriving")
      .map((record) => arrivals.brokenAt(record!, clock.now()));
    return Math.min(...readAts, ...brokenAts);
  }

  /** Also over a restart: a file that was called broken does not begin to arrive again. */
  function hasStoodStill({ location, stat }: Finding, now: number): boolean {
    const known = state.files.get(filePath(location));
    return known !== undefined && sameStat(known.stat, stat) && arrivals.brokenAt(known, now) <= now;
  }

  /** What was found and not written yet. */
  function createBatch(listings: readonly FolderListing[]) {
    const present = new Map(listings.flatMap(({ files }) => files).map((found) => [filePath(found.location), found]));
    let findings: Finding[] = [];
    let contents = new Map<Digest, PackageContent>();
    let bytes = 0;

    async function look(found: FoundFile): Promise<void> {
      const path = filePath(found.location);
      try {
        const { finding, content, incomplete } = await lookInto(found, loadedArchives(state), { ...ports, check });
        const now = clock.now();
        again.delete(path);
        troubles.delete(path);
        if (!finding || finding.kind === "whole") arrivals.forget(path);
        else arrivals.note(path, now, incomplete);
        if (finding)
          findings.push(
            incomplete && hasStoodStill(finding, now) ? { ...finding, kind: "rejected", error: incomplete } : finding,
          );
        if (content) {
          contents.set(content.digest, content);
          for (const file of content.files.values()) bytes += file.length;
        }
      } catch (error) {
        retryLater(path, errorView(error));
      }
    }

    return {
      look,
      add: (finding: Finding) => void findings.push(finding),
      isFull: () => findings.length >= BATCH_FILES || bytes >= BATCH_BYTES,
      async flush(gone: readonly PackageFileRecord[]): Promise<void> {
        // Files whose conflict ends with this step join it, so that there is no moment without either of the two.
        const asked = new Set<string>();
        for (;;) {
          const { lookAgain } = recorder.plan(state, { findings, gone, contents });
          const path = lookAgain.find((candidate) => !asked.has(candidate));
          if (path === undefined) break;
          asked.add(path);
          again.add(path);
          const found = present.get(path);
          if (found) await look(found);
        }
        const recorded = await recorder.record(state, { findings, gone, contents });
        state = recorded.state;
        for (const { path, error } of recorded.failed) retryLater(path, error);
        for (const path of recorded.lookAgain) again.add(path);
        [findings, contents, bytes] = [[], new Map<Digest, PackageContent>(), 0];
      },
    };
  }

  function retryLater(path: string, error: ErrorView): void {
    again.add(path);
    if (troubles.get(path) === error.message) return;
    troubles.set(path, error.message);
    logger.error(
      { event: "package.load_failed", file: path, err: error },
      `${path} cannot be loaded now; it is retried`,
    );
  }

  function report(listings: readonly FolderListing[], errors: ReadonlyMap<string, ErrorView>): void {
    for (const [folder, error] of errors) {
      if (folderErrors.get(folder)?.message === error.message) continue;
      logger.warn({ event: "watch.failed", folder, err: error }, `${error.message}; its packages keep serving`);
    }
    for (const folder of folderErrors.keys()) {
      if (!errors.has(folder)) logger.info({ event: "watch.recovered", folder }, `${folder} is watched again`);
    }
    folderErrors = errors;
    folders = listings.map(({ folder, files }) => {
      const error = errors.get(folder) ?? null;
      return { dir: folder, ok: error === null, error, files: files.length };
    });
  }

  const service = createService(
    async () => {
      const restored = await restoreRegistry({ store: ports.store, codeStore, timezone: options.timezone });
      state = restored.state;
      again = restored.again;
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
    async removePackage(name, version) {
      const report = await removeFiles(filesOfPackage(state, name, version), source, folderErrors);
      await scan();
      return report;
    },
    collect: (unloadedBefore) =>
      inTurn(async () => {
        const unpacked = new Set(await codeStore.list());
        const collectable = await ports.store.collectablePackages(unloadedBefore);
        const unneeded = collectable.filter((digest) => unpacked.has(digest) && !state.packages.has(digest));
        for (const digest of unneeded) await codeStore.remove(digest);
        return unneeded.length;
      }),
    status: () => ({
      folders,
      loaded: state.packages.size,
      rejected: [...state.files.values()].filter((record) => record.state === "rejected").length,
    }),
  };
}

function loadedArchives(state: RegistryState): Map<Digest, PackageRecord> {
  const archives = new Map<Digest, PackageRecord>();
  for (const { archiveDigest, package: identity } of state.files.values()) {
    const record = identity && state.packages.get(identity.digest);
    if (archiveDigest && record) archives.set(archiveDigest, record);
  }
  return archives;
}
