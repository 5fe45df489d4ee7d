import { bundleText } from "../domain/bundle.ts";
import type { Proof } from "../domain/proof.ts";
import type { RunId } from "../domain/run.ts";
import type { Clock } from "../kernel/clock.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import { createService, type Service } from "../kernel/service.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { ProofSink } from "../ports/proof-sink.ts";
import type { ProofStore } from "../ports/store.ts";

/** Files of one batch, which share their folder's sync and their change. */
const BATCH = 256;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;

export interface ProverOptions {
  store: Pick<ProofStore, "dueProofs" | "proof" | "proofPlaces">;
  sink: ProofSink;
  writer: ChangeWriter;
  clock: Clock;
  logger: Logger;
  /** While runs end all the time, a batch begins no sooner than this after the one before it, so that it gathers some. */
  batchEveryMs: number;
}

/**
 * Writes the files of stored proofs. What is stored is signed already, so a file can be written again at any time, byte for
 * byte. A file that cannot be written waits, one second at first and up to a minute, and keeps no run from ending.
 *
 * `start` begins to look for missing files and returns at once: it costs a look at every file ever written, in small batches.
 * `stop` writes what is due, once, and needs the writer to be alive until it resolves.
 */
export interface Prover extends Service {
  /** Some run has ended: its proof is due. */
  due(): void;
  /** Resolves when the files of all proofs stored by now are written, or could not be. */
  caughtUp(): Promise<void>;
  /** Resolves when nothing is being written or looked for. A retry that waits for its time is not waited for. */
  idle(): Promise<void>;
}

export function createProver(options: ProverOptions): Prover {
  const { store, sink, writer, clock, logger } = options;
  let writing: Promise<void> | undefined;
  let rebuilding: Promise<void> | undefined;
  let asked = false;
  let stopping = false;
  let retryMs = 0;
  let lastBatchAt = -Infinity;
  let callOffRetry = (): void => undefined;
  let endPause = (): void => undefined;
  const awaitingNextLook: (() => void)[] = [];

  function due(): void {
    if (stopping) return;
    asked = true;
    // While it waits for a retry, a further proof would only fail as well.
    if (retryMs === 0) writing ??= writeDue();
  }

  async function writeDue(): Promise<void> {
    while (asked) {
      await pauseUntil(lastBatchAt + options.batchEveryMs);
      asked = false;
      lastBatchAt = clock.now();
      const awaitingThis = awaitingNextLook.splice(0);
      try {
        while (await writeBatch(await store.dueProofs(BATCH)));
        if (retryMs > 0) logger.info({ event: "proof.recovered" }, "proof files can be written again");
        retryMs = 0;
      } catch (error) {
        fail(error);
      }
      for (const resolve of awaitingThis) resolve();
    }
    writing = undefined;
  }

  async function pauseUntil(instant: number): Promise<void> {
    const ms = instant - clock.now();
    // A clock that was set back must not hold up the files.
    if (stopping || ms <= 0 || ms > options.batchEveryMs) return;
    await new Promise<void>((resolve) => {
      const callOff = clock.after(ms, resolve);
      endPause = () => {
        callOff();
        resolve();
      };
    });
  }

  /** True when there may be more. */
  async function writeBatch(proofs: readonly Proof[]): Promise<boolean> {
    if (proofs.length === 0) return false;
    const { runs, error } = await writeFiles(proofs);
    if (runs.length > 0) {
      const verdict = await writer.submit({ type: "proofs_written", runs });
      if (!verdict.ok) throw new CascadeError("STORE_FAILED", `written proofs were not recorded: ${verdict.message}`);
    }
    if (error) throw error;
    return proofs.length === BATCH;
  }

  /** When a batch cannot be written, each file is tried alone: one place that is barred must not hold up the others. */
  async function writeFiles(proofs: readonly Proof[]): Promise<{ runs: RunId[]; error: CascadeError | undefined }> {
    const files = proofs.map((proof) => ({ proof, text: bundleText(proof) }));
    try {
      await sink.write(files);
      return { runs: proofs.map(({ runId }) => runId), error: undefined };
    } catch (batchError) {
      let error = toCascadeError(batchError);
      const runs: RunId[] = [];
      for (const file of files) {
        try {
          await sink.write([file]);
          runs.push(file.proof.runId);
        } catch (fileError) {
          error = toCascadeError(fileError);
        }
      }
      return { runs, error: runs.length < files.length ? error : undefined };
    }
  }

  function fail(error: unknown): void {
    asked = false;
    if (stopping) {
      logger.warn({ event: "proof.postponed", err: error }, "due proof files are left to the next start");
      return;
    }
    if (retryMs === 0)
      logger.error({ event: "proof.failed", err: error }, "proof files cannot be written; trying again");
    retryMs = retryMs === 0 ? FIRST_RETRY_MS : Math.min(retryMs * 2, LAST_RETRY_MS);
    callOffRetry = clock.after(retryMs, () => {
      asked = true;
      writing ??= writeDue();
    });
  }

  async function rebuild(): Promise<void> {
    try {
      const count = await rebuildMissing();
      if (count > 0) logger.warn({ event: "proof.rebuilt", count }, `wrote ${count} proof files that had gone missing`);
    } catch (error) {
      logger.error({ event: "proof.failed", err: error }, "missing proof files could not be written again");
    }
  }

  async function rebuildMissing(): Promise<number> {
    let count = 0;
    let before: string | null = null;
    while (!stopping) {
      const places = await store.proofPlaces(before, BATCH);
      if (places.length === 0) break;
      before = places.at(-1)!.runId;
      const missing = await sink.missing(places);
      const stored = await Promise.all(missing.map(({ runId }) => store.proof(runId)));
      const proofs = stored.flatMap((found) => (found ? [found.proof] : []));
      if (proofs.length > 0) await sink.write(proofs.map((proof) => ({ proof, text: bundleText(proof) })));
      count += proofs.length;
      // The store may answer without leaving the event loop; runs must not wait for a long past.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return count;
  }

  const service = createService(
    () => {
      due();
      rebuilding = rebuild();
    },
    async () => {
      stopping = true;
      callOffRetry();
      endPause();
      await Promise.all([writing, rebuilding]);
      // What ended after the last look; a failure is left to the next start.
      asked = true;
      await writeDue();
    },
  );

  return {
    ...service,
    due,
    async caughtUp() {
      if (stopping || retryMs > 0) return;
      const looked = new Promise<void>((resolve) => awaitingNextLook.push(resolve));
      due();
      await looked;
    },
    async idle() {
      await rebuilding;
      while (writing) await writing;
    },
  };
}
