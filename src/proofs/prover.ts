import { bundleText } from "../domain/bundle.ts";
import { isSigned, type SignedStatement } from "../domain/sealed-statement.ts";
import type { StoredStatement, Tlog } from "../domain/tlog.ts";
import type { Clock } from "../kernel/clock.ts";
import { CascadeError, type ErrorView, errorView, toCascadeError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import { createService, type Service } from "../kernel/service.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { ProofFile, ProofSink } from "../ports/proof-sink.ts";
import type { TlogStore } from "../ports/store.ts";
import { createFileSync } from "./file-sync.ts";
import type { LateSigning, SignedSoFar } from "./late-signing.ts";
import { rebuildMissingFiles } from "./rebuild.ts";
import type { TransparencyLog } from "./tlog/transparency-log.ts";

/** Statements of one batch, which share a head of the log, their folder's sync and their change. */
const BATCH = 512;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;
/** How long a signer is waited for by whoever waits for proofs: retention, and the end of the daemon. */
const SIGNER_PATIENCE_MS = 5_000;

export interface ProverOptions {
  store: Pick<TlogStore, "statementsAfter" | "statements" | "statementFiles" | "writtenFiles">;
  sink: ProofSink;
  writer: ChangeWriter;
  /** Signs what was stored unsigned. */
  sign: LateSigning;
  /** Rejects with an error that `isRefusal` knows when nothing may be signed. */
  openLog(): Promise<TransparencyLog>;
  clock: Clock;
  logger: Logger;
  /** While runs end all the time, a batch begins no sooner than this after the one before it, so that it gathers some. */
  batchEveryMs: number;
  /** Called after each head that was signed, or could have been. */
  onHeadSigned?(): void;
}

/** How the transparency log goes on. */
export type LogState =
  | { state: "opening" | "signing"; tlog: Tlog | null }
  /** The signer does not sign the statement that is next: it and those after it wait, and it is asked again. */
  | { state: "waiting"; error: ErrorView }
  /** Nothing is signed until someone has decided; runs go on and their statements wait. */
  | { state: "refused"; error: ErrorView };

/** Errors after which nothing may be signed: a head that contradicts one that others may hold can never be taken back. */
const REFUSALS: readonly string[] = ["TLOG_ROLLED_BACK", "TLOG_FORKED", "TLOG_DAMAGED", "TLOG_KEY_MISSING"];

/**
 * Signs stored statements that are not signed yet, appends them to the transparency log and writes their files. A signature is
 * stored before anything is made of it, so a file can be written again at any time, byte for byte. What cannot be signed or
 * written waits, one second at first and up to a minute, and keeps no run from ending; what comes before it goes on.
 *
 * `start` begins to look for missing files and returns at once: it costs a look at every file ever written, in small batches.
 * `stop` writes what is due, once, and needs the writer to be alive until it resolves. After five seconds it waits for no
 * signature any more.
 */
export interface Prover extends Service {
  /** A statement was stored: its file is due. */
  due(): void;
  /** Resolves when the files of all statements stored by now are written, or could not be, or the signer takes its time. */
  caughtUp(): Promise<void>;
  /** Resolves when nothing is being written or looked for. A retry that waits for its time is not waited for. */
  idle(): Promise<void>;
  log(): LogState;
  /** Signs nothing more after the batch under way, because someone has shown that the log may not go on. */
  refuse(error: CascadeError): void;
  /** Opens the log anew, because what kept it from going on was dealt with. Rejects when it still may not. */
  reopen(): Promise<void>;
}

export function createProver(options: ProverOptions): Prover {
  const { store, sink, writer, clock, logger } = options;
  let log: TransparencyLog | undefined;
  let refusal: CascadeError | undefined;
  let objection: CascadeError | undefined;
  let writing: Promise<void> | undefined;
  let rebuilding: Promise<void> | undefined;
  let asked = false;
  let stopping = false;
  let retryMs = 0;
  let lastBatchAt = -Infinity;
  let callOffRetry = (): void => undefined;
  let endPause = (): void => undefined;
  let signerError: CascadeError | undefined;
  const signerGivenUp = new AbortController();
  const awaitingThisLook: (() => void)[] = [];
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
      lastBatchAt = clock.elapsed();
      awaitingThisLook.push(...awaitingNextLook.splice(0));
      try {
        if (!refusal) await writeAll();
        if (retryMs > 0) logger.info({ event: "proof.recovered" }, "proofs are written again");
        retryMs = 0;
        signerError = undefined;
      } catch (error) {
        fail(error);
      }
      answer(awaitingThisLook);
    }
    writing = undefined;
  }

  function answer(awaiting: (() => void)[]): void {
    for (const resolve of awaiting.splice(0)) resolve();
  }

  /** A look can last as long as the signer takes for all that waits: nobody else is to. */
  function answerAll(): void {
    answer(awaitingThisLook);
    answer(awaitingNextLook);
  }

  /** Resolves after the first look that begins after the call, whatever comes of it. */
  function nextLook(): Promise<void> {
    return new Promise((resolve) => awaitingNextLook.push(resolve));
  }

  async function pauseUntil(moment: number): Promise<void> {
    const ms = moment - clock.elapsed();
    if (stopping || ms <= 0) return;
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
      // Between two batches only: what one has begun it brings to its end.
      if (objection) throw objection;
      const statements = await store.statementsAfter(through, BATCH);
      const again = (await store.statements(except.slice(0, BATCH))).filter(isSigned);
      if (statements.length === 0 && again.length === 0) return;
      const { signed, error: unsignedBecause } = await signNext(statements);
      const error = await writeBatch(signed, again);
      if (error) throw error;
      options.onHeadSigned?.();
      if (unsignedBecause) throw unsignedBecause;
      if (signed.length < statements.length) answerAll();
      else if (statements.length < BATCH && again.length < BATCH) return;
      ({ through, except } = await store.writtenFiles());
    }
  }

  async function signNext(statements: readonly StoredStatement[]): Promise<SignedSoFar> {
    if (statements.every(isSigned)) return { signed: statements };
    const callOff = clock.after(SIGNER_PATIENCE_MS, answerAll);
    return options.sign(statements, signerGivenUp.signal).finally(callOff);
  }

  /** Resolves to why some of the files could not be written. */
  async function writeBatch(
    statements: readonly SignedStatement<StoredStatement>[],
    again: readonly SignedStatement<StoredStatement>[],
  ): Promise<CascadeError | undefined> {
    if (statements.length === 0 && again.length === 0) return undefined;
    const files = [...(await filesOf(again)), ...(await filesOf(statements))];
    const { failed, error } = await writeFiles(files, again.length === 0);
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

  async function filesOf(statements: readonly SignedStatement<StoredStatement>[]): Promise<ProofFile[]> {
    if (statements.length === 0 || !log) return [];
    const entries = await log.entriesOf(statements);
    return statements.flatMap((statement, at) => {
      const entry = entries[at];
      return entry ? [{ name: statement.file, text: bundleText({ ...statement, entry }) }] : [];
    });
  }

  /** When a batch cannot be written, each file is tried alone: one place that is barred must not hold up the others. */
  async function writeFiles(
    files: readonly ProofFile[],
    areNew: boolean,
  ): Promise<{ failed: Set<string>; error?: CascadeError }> {
    const failed = new Set<string>();
    let error: CascadeError | undefined;
    try {
      await sink.write(files, { areNew });
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
    signerError = error instanceof CascadeError && error.code === "SIGNER_FAILED" ? error : undefined;
    if (retryMs === 0) {
      if (signerError) logger.error({ event: "proof.unsigned", err: error }, "statements wait unsigned; trying again");
      else logger.error({ event: "proof.failed", err: error }, "proof files cannot be written; trying again");
    }
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

  /** Looks for the files of former lives; what this one has written is in its place. */
  async function rebuild(): Promise<void> {
    try {
      const looked = nextLook();
      const { through } = await store.writtenFiles();
      await looked;
      if (!log) return;
      const isStopping = () => stopping;
      const count = await rebuildMissingFiles({ store, sink, textsOf: filesOf, through, isStopping });
      if (!stopping) fileSync.begin(through);
      if (count > 0) logger.warn({ event: "proof.rebuilt", count }, `wrote ${count} proof files that had gone missing`);
    } catch (error) {
      logger.error({ event: "proof.failed", err: error }, "missing proof files could not be written again");
    }
  }

  const service = createService(
    () => {
      rebuilding = rebuild();
      due();
    },
    async () => {
      stopping = true;
      callOffRetry();
      endPause();
      // With the retry goes the look that some wait for.
      answerAll();
      const callOffSigner = clock.after(SIGNER_PATIENCE_MS, () => signerGivenUp.abort());
      await Promise.all([writing, rebuilding, fileSync.stop()]);
      // What ended after the last look; a failure is left to the next start.
      asked = true;
      await writeDue();
      callOffSigner();
    },
  );

  return {
    ...service,
    due,
    async caughtUp() {
      if (stopping || retryMs > 0) return;
      const looked = nextLook();
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
      if (signerError) return { state: "waiting", error: errorView(signerError) };
      return { state: log ? "signing" : "opening", tlog: log?.tlog ?? null };
    },
    refuse(error) {
      objection = error;
      due();
    },
    async reopen() {
      while (writing) await writing;
      log = await options.openLog();
      refusal = objection = undefined;
      due();
    },
  };
}
