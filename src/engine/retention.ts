import type { Clock } from "../kernel/clock.ts";
import type { CrashPoint } from "../kernel/crash-points.ts";
import type { Digest } from "../kernel/digest.ts";
import type { Logger } from "../kernel/logger.ts";
import { createService, type Service } from "../kernel/service.ts";
import type { ArtifactStore } from "../ports/artifact-store.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { Keepers } from "../ports/keepers.ts";
import type { ProofPacker } from "../ports/proof-packer.ts";
import type { RunStore } from "../ports/store.ts";

/** How much of the past is kept. Spans in milliseconds. */
export interface RetentionLimits {
  runsMs: number;
  runCount: number;
  logsMs: number;
  logSizeBytes: number;
  /** Code of unloaded packages that no run needs. */
  storeMs: number;
  /** Proof files older than this are packed. */
  packProofsMs: number;
  /** Proofs older than this are pruned; Infinity keeps them. */
  proofsMs: number;
}

export interface RetentionOptions {
  store: Pick<RunStore, "expiredRuns" | "artifactsInUse">;
  writer: ChangeWriter;
  artifacts: ArtifactStore;
  keepers: Keepers;
  /** Resolves when the proofs of runs that have ended are in their files, or cannot be: only then may such a run go. */
  proofsWritten(): Promise<void>;
  /** Deletes code of packages that were unloaded before the instant. */
  collectCode(unloadedBefore: number): Promise<number>;
  proofPacker: ProofPacker;
  /** Lets proofs go that are older than so many milliseconds. */
  pruneProofs(keepMs: number, isStopping: () => boolean): Promise<number>;
  /** Asked anew each time: a reload may change them. */
  limits(): RetentionLimits;
  clock: Clock;
  crashPoint: CrashPoint;
  logger: Logger;
}

const EVERY_MS = 3_600_000;
const FIRST_AFTER_MS = 60_000;
/** Deleting so many runs takes less than 10 ms, so that whoever waits for the next batch does not notice. */
const BATCH = 50;
/** Work folders of failed attempts stay for a look. */
const WORK_FOLDER_MS = 24 * 3_600_000;

export interface Retention extends Service {
  /** Looks at once: the limits have changed. */
  soon(): void;
}

/** Keeps the disk bounded: deletes what is older, or more, than the limits allow, in small batches. */
export function createRetention(options: RetentionOptions): Retention {
  const { store, writer, clock, keepers, logger } = options;
  let stopped = false;
  let callOff = (): void => undefined;
  let turning: Promise<void> | undefined;
  let asked = false;

  async function deleteRuns(): Promise<number> {
    const { runsMs, runCount } = options.limits();
    let deleted = 0;
    await options.proofsWritten();
    while (!stopped) {
      const runs = await store.expiredRuns(clock.now() - runsMs, runCount, BATCH);
      if (runs.length === 0) break;
      await writer.submit({ type: "delete_runs", runs: runs.map(({ id }) => id) });
      options.crashPoint("retention-batch-deleted");
      deleted += runs.length;
    }
    return deleted;
  }

  /** One kind of what is kept. What fails here waits for the next turn, and does not keep the others from theirs. */
  async function step(what: string, remove: () => Promise<number>): Promise<number> {
    if (stopped) return 0;
    try {
      return await remove();
    } catch (error) {
      logger.error({ event: "retention.failed", what, err: error }, `old ${what} could not be cleaned up`);
      return 0;
    }
  }

  async function retain(): Promise<void> {
    const { logsMs, logSizeBytes, storeMs, packProofsMs, proofsMs } = options.limits();
    const isStopping = () => stopped;
    const counts = {
      runs: await step("runs", deleteRuns),
      artifacts: await step("artifacts", async () =>
        options.artifacts.sweep(new Set<Digest>(await store.artifactsInUse())),
      ),
      logs: await step("logs", () => keepers.pruneLogs(clock.now() - logsMs, logSizeBytes)),
      workFolders: await step("work folders", () => keepers.pruneWorkFolders(clock.now() - WORK_FOLDER_MS)),
      packages: await step("packages", () => options.collectCode(clock.now() - storeMs)),
    };
    const proofs = await step("proofs", () => options.pruneProofs(proofsMs, isStopping));
    if (proofs > 0) logger.info({ event: "retention.pruned", count: proofs }, `let ${proofs} proofs go`);
    const packed = await step("proof files", () => options.proofPacker.pack(clock.now() - packProofsMs, isStopping));
    if (packed > 0) logger.info({ event: "retention.packed", count: packed }, `packed ${packed} proof files`);
    if (Object.values(counts).every((count) => count === 0)) return;
    logger.info({ event: "retention.done", ...counts }, "deleted what is older or more than the limits allow");
  }

  function turn(): void {
    asked = true;
    turning ??= work().finally(() => (turning = undefined));
  }

  async function work(): Promise<void> {
    while (asked && !stopped) {
      asked = false;
      await retain();
    }
    if (!stopped) arm(EVERY_MS);
  }

  function arm(ms: number): void {
    callOff = clock.after(ms, turn);
  }

  const service = createService(
    () => arm(FIRST_AFTER_MS),
    async () => {
      stopped = true;
      callOff();
      await turning;
    },
  );
  return {
    ...service,
    soon() {
      if (stopped) return;
      callOff();
      turn();
    },
  };
}
