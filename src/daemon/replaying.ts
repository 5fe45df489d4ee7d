import { randomUUID } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPackageArchive } from "../adapters/archive/package-archive.ts";
import { createArtifacts } from "../adapters/filesystem/artifacts.ts";
import { createCodeStore } from "../adapters/filesystem/code-store.ts";
import { openReplayHost } from "../adapters/process/replay-host.ts";
import type { ReplayRequest } from "../app/application.ts";
import { findPackage } from "../app/drift.ts";
import { replayRun } from "../app/replay-run.ts";
import { replayView } from "../app/replay-views.ts";
import type { ReplayView } from "../app/views.ts";
import type { PackageIdentity } from "../domain/manifest.ts";
import { noCrashPoint } from "../kernel/crash-points.ts";
import type { Digest } from "../kernel/digest.ts";
import { silentLogger } from "../kernel/logger.ts";
import { commandChecks } from "./check-thread.ts";
import { dataFolderAt } from "./data-folder.ts";
import { openDatabase } from "./offline.ts";
import { systemClock } from "./system-clock.ts";
import { taskProcessEntry } from "./task-process.ts";

/** The default of `[task] timeout`: what the daemon was told is known only to it. */
const TASK_TIMEOUT_MS = 24 * 3_600_000;

/** In a folder that is closed to others anyway. */
const USUAL_UMASK = 0o022;

export interface ReplayingOptions {
  /** The data folder. */
  root: string;
  /** Declared names are taken from it. */
  environment: Readonly<Record<string, string | undefined>>;
}

/** Other code than the run's own: of a package that the data folder knows, or the bytes of a `.cascade` file. */
export type OtherCode = { name: string } | { file: Buffer };

/** Replays a run in this process, beside a living daemon or without one. Nothing is signed, and nothing in the data folder changes. */
export async function replayHere(
  { root, environment }: ReplayingOptions,
  run: string,
  { task, mask }: Pick<ReplayRequest, "task" | "mask">,
  other: OtherCode | null,
): Promise<ReplayView> {
  const data = dataFolderAt(root);
  const store = openDatabase(data);
  const scratch = mkdtempSync(join(tmpdir(), "cascade-against-"));
  const codeIn = (folder: string) => createCodeStore({ root: folder, pid: process.pid, crashPoint: noCrashPoint });
  const [stored, unpacked] = [codeIn(data.store), codeIn(scratch)];
  let ofFile: Digest | undefined;

  async function identityOf(code: OtherCode): Promise<PackageIdentity> {
    if ("name" in code) return (await findPackage(store, code.name)).identity;
    const reading = await createPackageArchive({ checks: commandChecks() }).read(code.file);
    if (reading.kind !== "whole") throw reading.error;
    const { digest, manifest } = reading.content;
    await unpacked.put(reading.content);
    ofFile = digest;
    return { name: manifest.name, version: manifest.version, digest };
  }

  try {
    const against = other && (await identityOf(other));
    const artifacts = createArtifacts(data.artifacts);
    const host = await openReplayHost({
      nodePath: process.execPath,
      childEntry: taskProcessEntry(),
      packageDir: (digest) => join(digest === ofFile ? scratch : data.store, digest),
      artifactPath: (digest) => artifacts.path(digest),
      clock: systemClock,
      logger: silentLogger,
      bootId: randomUUID(),
      environment,
      umask: USUAL_UMASK,
      tempFolder: tmpdir(),
    });
    try {
      const code = { has: async (digest: Digest) => digest === ofFile || (await stored.has(digest)) };
      const sources = { store, artifacts, code, clock: systemClock, taskTimeoutMs: TASK_TIMEOUT_MS };
      return replayView(await replayRun(sources, host, { run, task, against, mask }), null);
    } finally {
      await host.close();
    }
  } finally {
    await store.close();
    await rm(scratch, { recursive: true, force: true });
  }
}
