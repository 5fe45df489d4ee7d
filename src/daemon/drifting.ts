import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { archiveLimits, createPackageArchive } from "../adapters/archive/package-archive.ts";
import { readPackageFile } from "../adapters/filesystem/read-package-file.ts";
import { createProofListing } from "../adapters/filesystem/proof-listing.ts";
import { createStoredCode } from "../adapters/filesystem/stored-code.ts";
import { createSyncedWriter } from "../adapters/filesystem/synced-writer.ts";
import { createTlogMark } from "../adapters/filesystem/tlog-mark.ts";
import { driftOfData, driftOfPackages, driftOfRuns, findPackage } from "../app/drift.ts";
import type { DriftView } from "../app/views.ts";
import { type Compared, comparedPackage } from "../domain/drift-side.ts";
import type { Clock } from "../kernel/clock.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import type { Store } from "../ports/store.ts";
import { claimedHead } from "../proofs/tlog/forked-heads.ts";
import type { KnownHead } from "../proofs/tlog/known-heads.ts";
import { realPath } from "./real-path.ts";
import { commandChecks } from "./check-thread.ts";
import type { Surroundings } from "./config-file.ts";
import { livePolicy, surroundingsOfDaemon } from "./daemon-view.ts";
import { packageFileKind } from "../domain/package-file.ts";
import { type DataFolder, dataFolderAt, markFolderOf } from "./data-folder.ts";
import { anchoredHeads } from "./kept-receipts.ts";
import { openLogFiles } from "./log-files.ts";
import { openDatabase } from "./offline.ts";

/** Answers from a data folder, beside a living daemon or without one. Nothing is changed. */
export interface Drifting {
  ofData(workflow: string | null): Promise<DriftView>;
  ofRuns(before: string, after: string): Promise<DriftView>;
  /** Each a package file, or the name of a package with or without `@version`. */
  ofPackages(before: string, after: string): Promise<DriftView>;
}

export interface DriftingOptions extends Surroundings {
  /** The data folder. */
  root: string;
  /** The configuration file that its daemon is given, if it is. */
  config: string | undefined;
  clock: Pick<Clock, "now">;
}

export function createDrifting({ root, config, clock, ...surroundings }: DriftingOptions): Drifting {
  const { workingDir } = surroundings;
  const data = dataFolderAt(root);
  const around = surroundingsOfDaemon(data, surroundings);
  const archive = createPackageArchive({ checks: commandChecks() });

  async function packageOf(text: string): Promise<Compared> {
    if (!text.includes("/") && packageFileKind(basename(text)) === undefined) {
      const { manifest, identity } = await withStore(data, (store) => findPackage(store, text));
      return comparedPackage(manifest, identity.digest);
    }
    const reading = await archive.read(readFile(resolve(workingDir, text)), basename(text));
    if (reading.kind !== "whole") throw reading.error;
    return comparedPackage(reading.content.manifest, reading.content.digest);
  }

  return {
    ofData: (workflow) =>
      withStore(data, async (store) => {
        // Whether a file may be loaded is the daemon's business; here it is only read.
        const rights = { allowUnsafe: true, ownUid: 0, maxBytes: archiveLimits.packed };
        const files = { read: (location: Parameters<typeof readPackageFile>[0]) => readPackageFile(location, rights) };
        const sources = {
          store,
          files,
          archive,
          code: createStoredCode(data.store),
          trust: await livePolicy(data, config, store, around),
          realPath,
          now: clock.now(),
          proofs: createProofListing(data.proofs),
          logFiles: (origin: string) => openLogFiles(data, origin),
          anchoredHeads: (origin: string) => anchoredHeads(origin, data),
          markedHead: (origin: string) => markedHead(origin, around),
        };
        return driftOfData(sources, workflow);
      }),
    ofRuns: (before, after) => withStore(data, (store) => driftOfRuns({ store }, before, after)),
    ofPackages: async (before, after) => driftOfPackages(await packageOf(before), await packageOf(after)),
  };
}

async function markedHead(origin: string, around: Surroundings): Promise<KnownHead | undefined> {
  const mark = await createTlogMark(markFolderOf(around), createSyncedWriter(), () => undefined).read(origin);
  return mark === undefined ? undefined : claimedHead("the mark outside the data folder", mark, origin);
}

async function withStore<Result>(data: DataFolder, ask: (store: Store) => Promise<Result>): Promise<Result> {
  const store = openDatabase(data);
  try {
    return await ask(store);
  } finally {
    await store.close();
  }
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CascadeError("IO_FAILED", `cannot read ${path}: ${toCascadeError(error).message}`, {
      cause: error,
      hint: "Name a .cascade file that can be read, or a package as name@version.",
    });
  }
}
