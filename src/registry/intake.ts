import type { Manifest, PackageIdentity } from "../domain/manifest.ts";
import { packageFileKind } from "../domain/package-file.ts";
import type { FileLocation, PackageFileRecord, PackageRecord } from "../domain/registry.ts";
import { filePath } from "../domain/serving.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Digest } from "../kernel/digest.ts";
import { type ErrorView, errorView } from "../kernel/errors.ts";
import type { Calendar } from "../ports/calendar.ts";
import type { CodeStore, PackageArchive, PackageContent } from "../ports/package-archive.ts";
import type { FolderListing, FoundFile, PackageSource } from "../ports/package-source.ts";
import { createArrivals } from "./arrivals.ts";
import type { Candidate, Gatekeeper, Judgement } from "./gatekeeper.ts";
import { isEmpty, judgeAnew, noNewJudgements } from "./judge-anew.ts";
import { type Look, lookInto } from "./loader.ts";
import type { Doubt } from "./moved-folders.ts";
import { reconcile, sameStat } from "./reconcile.ts";
import { createRecorder, type RecorderPorts } from "./recorder.ts";
import { joinedSignatures, type RegistryState } from "./registry-state.ts";
import type { Finding } from "./registry-step.ts";
import type { Restored } from "./restore.ts";
import { nothingServed, servedPackage } from "./served-package.ts";

/**
 * One change takes so many packages, or so many unpacked bytes: what is read waits in memory until it is written. The next
 * batch is read meanwhile.
 */
const BATCH_FILES = 64;
const BATCH_BYTES = 32 * 1024 * 1024;
/** So many files of so many packed bytes are read ahead: reading waits for the disk, and unpacking for another thread. */
const AHEAD_FILES = 3;
const AHEAD_BYTES = 1024 * 1024;

export interface IntakePorts extends Omit<RecorderPorts, "codeStore" | "serve" | "serveNothing" | "vouch"> {
  source: Pick<PackageSource, "read">;
  archive: PackageArchive;
  codeStore: Pick<CodeStore, "has" | "put">;
  calendar: Pick<Calendar, "next">;
  gatekeeper: Gatekeeper;
  clock: Clock;
}

/** The registry in memory, and what turns listings of the watched folders into its next state. One call at a time. */
export interface Intake {
  restore(restored: Restored): void;
  /**
   * Looks into what is new or changed, and resolves when that is durable and told. Resolves to the instant at which one of
   * the files is to be looked at again without a hint; infinity when there is none.
   */
  actOn(listings: readonly FolderListing[]): Promise<number>;
  /** Another trust policy holds: from the next listing on, what is loaded and what was rejected is judged by it. */
  policyChanged(): void;
  state(): RegistryState;
  /** What is wrong with each folder since the last listing, by its name. */
  folderErrors(): ReadonlyMap<string, ErrorView>;
  /** Those of them that cannot be listed: what is in the others is known, if not whether it is all. */
  unlistable(): ReadonlyMap<string, ErrorView>;
  /** These files were deleted on request: from the next listing on they are gone, on whatever device their folder is. */
  removed(locations: readonly FileLocation[]): void;
}

export function createIntake(ports: IntakePorts, options: { timezone: string }): Intake {
  const { clock, logger } = ports;
  const context = (calendar: Pick<Calendar, "next">) => ({ calendar, timezone: options.timezone, now: clock.now() });
  const serve = (identity: PackageIdentity, manifest: Manifest) =>
    servedPackage(identity, manifest, context({ next: nextOrNone }));
  const check = (identity: PackageIdentity, manifest: Manifest) =>
    void servedPackage(identity, manifest, context(ports.calendar));
  const { gatekeeper } = ports;
  const vouch: Gatekeeper["vouch"] = (identity, trust, at) => gatekeeper.vouch(identity, trust, at);
  const recorder = createRecorder({ ...ports, serve, serveNothing: nothingServed, vouch }, () => clock.now());
  const arrivals = createArrivals();
  /** The last reason for which a file could not be read or unpacked, so that it is logged once. */
  const troubles = new Map<string, string>();
  let state: RegistryState = { files: new Map(), packages: new Map(), active: new Map() };
  let archives = { of: state, loaded: archivesIn(state) };
  /** Files to look into although they have not changed. */
  const again = new Set<string>();
  /** What the former life served may differ from what this one serves, although no file has changed. */
  let isRestored = false;
  let folderErrors: ReadonlyMap<string, ErrorView> = new Map();
  let doubts: ReadonlyMap<string, Doubt> = new Map();
  const removed = new Set<string>();
  /** Folders on a network, where another host's clock says when a file was written. */
  let remoteFolders: ReadonlySet<string> = new Set();
  /** Names of packages of which a version was loaded since they were judged: a lower one may have become a rollback. */
  const newlyLoaded = new Set<string>();

  async function actOn(listings: readonly FolderListing[]): Promise<number> {
    // First of all, so that what a former life served under another policy is not served for a moment.
    await judgeLoaded();
    remoteFolders = new Set(listings.filter(({ isRemote }) => isRemote).map(({ folder }) => folder));
    const present = new Map(listings.flatMap(({ files }) => files).map((found) => [filePath(found.location), found]));
    for (const path of removed) if (present.has(path)) removed.delete(path);
    const plan = reconcile(listings, state.files, again, { doubts, removed });
    doubts = plan.doubts;
    reportFolders(plan.folderErrors);
    let batch = createBatch(present);
    let written = Promise.resolve();
    const readAts: number[] = [];
    for await (const { found, looking, readAt } of lookAhead(plan.look)) {
      if (looking) await batch.take(found, looking);
      else readAts.push(readAt);
      if (!batch.isFull()) continue;
      await written;
      written = batch.flush([]);
      // Whoever awaits it hears of a failure; until then it is nobody's.
      written.catch(() => undefined);
      batch = createBatch(present);
    }
    await written;
    for (const { found, record } of plan.still) {
      if (isCommands(found) && isSettled(found)) {
        await batch.take(found, look(found));
        continue;
      }
      const error = arrivals.reason(record);
      const isBroken = arrivals.brokenAt(record, clock.now()) <= clock.now();
      if (error && isBroken) batch.add({ kind: "rejected", location: found.location, stat: record.stat, error });
    }
    await batch.flush(plan.gone);
    await judgeLoaded();
    for (const { location } of plan.gone) {
      arrivals.forget(filePath(location));
      removed.delete(filePath(location));
      troubles.delete(filePath(location));
    }
    const brokenAts = [...plan.look, ...plan.still.map(({ found }) => found)]
      .filter(({ location }) => !troubles.has(filePath(location)))
      .map(({ location }) => state.files.get(filePath(location)))
      .filter((record) => record?.state === "arriving" && arrivals.reason(record))
      .map((record) =>
        isCommands(record!) ? arrivals.settledAt(record!, clock.now()) : arrivals.brokenAt(record!, clock.now()),
      );
    return Math.min(...readAts, ...brokenAts);
  }

  /** Judges what the policy in force has not judged, also in folders that cannot be listed; then what that makes a rollback. */
  async function judgeLoaded(): Promise<void> {
    for (;;) {
      const policy = gatekeeper.policy();
      const isNew = (record: PackageRecord) => record.policy !== policy;
      const mayBeLower = ({ identity }: PackageRecord) => policy !== null && newlyLoaded.has(identity.name);
      const judgements = judgeAnew(state, judge, (record) => isNew(record) || mayBeLower(record));
      if (isEmpty(judgements)) return newlyLoaded.clear();
      const confirmed = [...judgements.trust.keys()]
        .flatMap((digest) => state.packages.get(digest) ?? [])
        .filter(isNew);
      state = (await recorder.record(state, { findings: [], gone: [], judgements, contents: new Map() })).state;
      newlyLoaded.clear();
      for (const { identity } of confirmed) newlyLoaded.add(identity.name);
    }
  }

  /** Signatures that once came with a loaded package count as well as those of this file. */
  function judge(folder: string, candidate: Candidate): Judgement {
    const known = state.packages.get(candidate.identity.digest);
    const signatures = joinedSignatures(known?.signatures ?? [], candidate.signatures);
    return gatekeeper.judge(folder, { ...candidate, signatures, countedSince: known?.countedSince ?? {} }, clock.now());
  }

  function look(found: FoundFile): Promise<Look> {
    const looking = lookInto(found, loadedArchives(), { ...ports, check, judge, isSettled });
    // Its turn to be awaited may come much later.
    looking.catch(() => undefined);
    return looking;
  }

  /** The files in their order, each with the look into it, or with the instant from which it may be read again. */
  async function* lookAhead(files: readonly FoundFile[]) {
    const begun: { found: FoundFile; looking: Promise<Look> | null; readAt: number }[] = [];
    for (const found of files) {
      const now = clock.now();
      const readAt = arrivals.mayReadAt(filePath(found.location), now);
      const isAhead = () =>
        begun.length < AHEAD_FILES && sizeOf([...begun.map((look) => look.found), found]) <= AHEAD_BYTES;
      while (begun.length > 0 && !isAhead()) yield begun.shift()!;
      begun.push({ found, looking: readAt > now ? null : look(found), readAt });
    }
    yield* begun;
  }

  /** By the digest of the archive. Made once for each state. */
  function loadedArchives(): ReadonlyMap<Digest, PackageRecord> {
    if (archives.of !== state) archives = { of: state, loaded: archivesIn(state) };
    return archives.loaded;
  }

  /** What was found and not written yet. */
  function createBatch(present: ReadonlyMap<string, FoundFile>) {
    const findings: Finding[] = [];
    const contents = new Map<Digest, PackageContent>();
    let bytes = 0;

    async function take(found: FoundFile, looking: Promise<Look>): Promise<void> {
      const path = filePath(found.location);
      try {
        const { finding, content, incomplete, warnings = [] } = await looking;
        const now = clock.now();
        again.delete(path);
        troubles.delete(path);
        for (const warning of warnings) logger.warn({ event: "package.unsigned", file: path }, `${path}: ${warning}`);
        if (!finding || finding.kind === "whole" || finding.kind === "refused") arrivals.forget(path);
        else arrivals.note(path, now, incomplete);
        if (finding && incomplete && hasStoodStill(finding, now)) {
          findings.push({ ...finding, kind: "rejected", error: incomplete });
        } else if (finding) findings.push(finding);
        if (content) {
          contents.set(content.digest, content);
          for (const file of content.files.values()) bytes += file.length;
        }
      } catch (error) {
        retryLater(path, errorView(error));
      }
    }

    return {
      take,
      add: (finding: Finding) => void findings.push(finding),
      isFull: () => findings.length >= BATCH_FILES || bytes >= BATCH_BYTES,
      async flush(gone: readonly PackageFileRecord[]): Promise<void> {
        if (findings.length === 0 && gone.length === 0 && !isRestored) return;
        // Files whose conflict ends with this step join it, so that there is no moment without either of the two.
        const asked = new Set<string>();
        const batch = { findings, gone, contents, judgements: noNewJudgements };
        let step = recorder.plan(state, batch);
        while (bytes < BATCH_BYTES) {
          const paths = step.lookAgain.filter((path) => !asked.has(path));
          if (paths.length === 0) break;
          for (const path of paths) {
            asked.add(path);
            const found = present.get(path);
            if (found && bytes < BATCH_BYTES) await take(found, look(found));
          }
          step = recorder.plan(state, batch);
        }
        const recorded = await recorder.record(state, batch, step);
        const before = state.packages;
        state = recorded.state;
        for (const { identity } of state.packages.values()) {
          if (!before.has(identity.digest)) newlyLoaded.add(identity.name);
        }
        isRestored = false;
        for (const { path, error } of recorded.failed) retryLater(path, error);
        for (const path of recorded.lookAgain) again.add(path);
      },
    };
  }

  /** Also over a restart: a file that was called broken does not begin to arrive again. */
  function hasStoodStill({ location, stat }: Finding, now: number): boolean {
    const known = state.files.get(filePath(location));
    return known !== undefined && sameStat(known.stat, stat) && arrivals.brokenAt(known, now) <= now;
  }

  /** By this host's clock where it wrote the file's times, else by how long it has been seen as it is. */
  function isSettled({ location, stat }: FoundFile): boolean {
    const now = clock.now();
    if (!remoteFolders.has(location.folder) && arrivals.isLongSettled(stat, now)) return true;
    const known = state.files.get(filePath(location));
    return known !== undefined && sameStat(known.stat, stat) && arrivals.settledAt(known, now) <= now;
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

  function reportFolders(errors: ReadonlyMap<string, ErrorView>): void {
    for (const [folder, error] of errors) {
      if (folderErrors.get(folder)?.message === error.message) continue;
      logger.warn({ event: "watch.failed", folder, err: error }, `${error.message}; its packages keep serving`);
    }
    for (const folder of folderErrors.keys()) {
      if (!errors.has(folder)) logger.info({ event: "watch.recovered", folder }, `${folder} is watched again`);
    }
    folderErrors = errors;
  }

  /** A rule that was fine when its package was loaded and is no more, as after an update of the zones: it must not stop others. */
  function nextOrNone(cron: string, timezone: string, after: number): number | null {
    try {
      return ports.calendar.next(cron, timezone, after);
    } catch (error) {
      logger.error({ event: "schedule.failed", cron, timezone, err: errorView(error) }, `${cron} cannot be computed`);
      return null;
    }
  }

  return {
    restore(restored) {
      state = restored.state;
      for (const path of restored.again) again.add(path);
      isRestored = true;
    },
    actOn,
    policyChanged() {
      for (const [path, file] of state.files) if (file.state === "rejected") again.add(path);
    },
    state: () => state,
    folderErrors: () => folderErrors,
    unlistable: () => new Map([...folderErrors].filter(([folder]) => !doubts.has(folder))),
    removed(locations) {
      for (const location of locations) removed.add(filePath(location));
    },
  };
}

function isCommands({ location }: { location: FileLocation }): boolean {
  return packageFileKind(location.name) === "commands";
}

function sizeOf(files: readonly FoundFile[]): number {
  return files.reduce((sum, { stat }) => sum + stat.size, 0);
}

function archivesIn(state: RegistryState): ReadonlyMap<Digest, PackageRecord> {
  const archives = new Map<Digest, PackageRecord>();
  for (const { archiveDigest, package: identity } of state.files.values()) {
    const record = identity && state.packages.get(identity.digest);
    if (archiveDigest && record) archives.set(archiveDigest, record);
  }
  return archives;
}
