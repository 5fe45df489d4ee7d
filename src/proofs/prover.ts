import { bundleText } from "../domain/bundle.ts";
import type { StoredStatement, Tlog } from "../domain/tlog.ts";
import type { Clock } from "../kernel/clock.ts";
import { CascadeError, type ErrorView, errorView, toCascadeError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import { createService, type Service } from "../kernel/service.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { ProofFile, ProofSink } from "../ports/proof-sink.ts";
import type { TlogStore } from "../ports/store.ts";
import { createFileSync } from "./file-sync.ts";
import { rebuildMissingFiles } from "./rebuild.ts";
import type { TransparencyLog } from "./tlog/transparency-log.ts";

/** Statements of one batch, which share a head of the log, their folder's sync and their change. */
const BATCH = 512;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;

export interface ProverOptions {
  store: Pick<TlogStore, "statementsAfter" | "statements" | "statementFiles" | "writtenFiles">;
  sink: ProofSink;
  writer: ChangeWriter;
  /** Rejects with an error that `isRefusal` knows when nothing may be signed. */
  openLog(): Promise<TransparencyLog>;
  clock: Clock;
  logger: Logger;
  /** While runs end all the time, a batch begins no sooner than this after the one before it, so that it gathers some. */
  batchEveryMs: number;
}

/** How the transparency log goes on. */
export type LogState =
  | { state: "opening" | "signing"; tlog: Tlog | null }
  /** Nothing is signed until someone has decided; runs go on and their statements wait. */
  | { state: "refused"; error: ErrorView };

/** Errors after which nothing may be signed: a head that contradicts one that others may hold can never be taken back. */
const REFUSALS: readonly string[] = ["TLOG_ROLLED_BACK", "TLOG_FORKED", "TLOG_DAMAGED", "TLOG_KEY_MISSING"];

/**
 * Appends stored statements to the transparency log and writes their files. What is stored is signed already, so a file can be
 * written again at any time, byte for byte. A file that cannot be written waits, one second at first and up to a minute, and
 * keeps no run from ending.
 *
 * `start` begins to look for missing files and returns at once: it costs a look at every file ever written, in small batches.
 * `stop` writes what is due, once, and needs the writer to be alive until it resolves.
 */
export interface Prover extends Service {
  /** A statement was stored: its file is due. */
  due(): void;
  /** Resolves when the files of all statements stored by now are written, or could not be. */
  caughtUp(): Promise<void>;
  /** Resolves when nothing is being written or looked for. A retry that waits for its time is not waited for. */
  idle(): Promise<void>;
  log(): LogState;
  /** Opens the log anew, because what kept it from going on was dealt with. Rejects when it still may not. */
  reopen(): Promise<void>;
}

export function createProver(options: ProverOptions): Prover {
  const { store, sink, writer, clock, logger } = options;
  let log: TransparencyLog | undefined;
  let refusal: CascadeError | undefined;
  let writing: Promise<void> | undefined;
  let rebuilding: Promise<void> | undefined;
  let asked = false;
  let stopping = false;
  let retryMs = 0;
  let lastBatchAt = -Infinity;
  let callOffRetry = (): void => undefined;
  let endPause = (): void => undefined;
  const awaitingNextLook: (() => void)[] = [];
  const fileSync = createFileSync({
    store,
    sink,
    writer,
    clock,
    onFailure: (error) => logger.warn({ event: "proof.unsynced", err: error }, "proof files could not be synced"),
  });

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
        if (!refusal) await writeAll();
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

  async function writeAll(): Promise<void> {
    log ??= await options.openLog();
    let { through, except } = await store.writtenFiles();
    for (;;) {
      const statements = await store.statementsAfter(through, BATCH);
      const again = await store.statements(except.slice(0, BATCH));
      if (statements.length === 0 && again.length === 0) return;
      const error = await writeBatch(statements, again);
      if (error) throw error;
      if (statements.length < BATCH && again.length < BATCH) return;
      ({ through, except } = await store.writtenFiles());
    }
  }

  /** Resolves to why some of the files could not be written. */
  async function writeBatch(
    statements: readonly StoredStatement[],
    again: readonly StoredStatement[],
  ): Promise<CascadeError | undefined> {
    const files = [...(await filesOf(again)), ...(await filesOf(statements))];
    const { failed, error } = await writeFiles(files);
    // When none could be written, the place is barred and not some of the files: nothing has become known.
    if (failed.size === files.length && error) return error;
    const idsThat = (has: boolean, of: readonly StoredStatement[]) =>
      of.filter(({ file }) => failed.has(file) === has).map(({ id }) => id);
    const verdict = await writer.submit({
      type: "files_written",
      through: statements.at(-1)?.id ?? 0,
      failed: idsThat(true, statements),
      mended: idsThat(false, again),
    });
    if (!verdict.ok) throw new CascadeError("STORE_FAILED", `written proofs were not recorded: ${verdict.message}`);
    const last = statements.at(-1);
    if (last) fileSync.written(last.id);
    return error;
  }

  async function filesOf(statements: readonly StoredStatement[]): Promise<ProofFile[]> {
    if (statements.length === 0 || !log) return [];
    const entries = await log.entriesOf(statements);
    return statements.flatMap((statement, at) => {
      const entry = entries[at];
      return entry ? [{ name: statement.file, text: bundleText({ ...statement, entry }) }] : [];
    });
  }

  /** When a batch cannot be written, each file is tried alone: one place that is barred must not hold up the others. */
  async function writeFiles(files: readonly ProofFile[]): Promise<{ failed: Set<string>; error?: CascadeError }> {
    const failed = new Set<string>();
    let error: CascadeError | undefined;
    try {
      await sink.write(files);
    } catch (batchError) {
      error = toCascadeError(batchError);
      for (const file of files) {
        try {
          await sink.write([file]);
        } catch (fileError) {
          error = toCascadeError(fileError);
          failed.add(file.name);
        }
      }
    }
    return error && failed.size > 0 ? { failed, error } : { failed };
  }

  function fail(error: unknown): void {
    asked = false;
    if (error instanceof CascadeError && REFUSALS.includes(error.code)) return refuse(error);
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

  function refuse(error: CascadeError): void {
    refusal = error;
    log = undefined;
    logger.error(
      { event: "tlog.refused", err: error },
      "the transparency log does not go on: runs do, and their proofs wait",
    );
  }

  async function rebuild(): Promise<void> {
    try {
      const { count, through } = await rebuildMissingFiles({
        store,
        sink,
        textsOf: filesOf,
        isStopping: () => stopping,
      });
      if (!stopping) fileSync.begin(through);
      if (count > 0) logger.warn({ event: "proof.rebuilt", count }, `wrote ${count} proof files that had gone missing`);
    } catch (error) {
      logger.error({ event: "proof.failed", err: error }, "missing proof files could not be written again");
    }
  }

  const service = createService(
    () => {
      due();
      rebuilding = (writing ?? Promise.resolve()).then(() => (log ? rebuild() : undefined));
    },
    async () => {
      stopping = true;
      callOffRetry();
      endPause();
      await Promise.all([writing, rebuilding, fileSync.stop()]);
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
      await fileSync.idle();
    },
    log() {
      if (refusal) return { state: "refused", error: errorView(refusal) };
      return { state: log ? "signing" : "opening", tlog: log?.tlog ?? null };
    },
    async reopen() {
      while (writing) await writing;
      log = await options.openLog();
      refusal = undefined;
      due();
    },
  };
}
