import { pruneStatementText } from "../domain/prune-statement.ts";
import { type Seal, sealStatement } from "../domain/sealed-statement.ts";
import type { StoredStatement, Tlog } from "../domain/tlog.ts";
import { attestationFileName } from "../domain/tlog-statement.ts";
import type { Change } from "../domain/change.ts";
import type { Clock } from "../kernel/clock.ts";
import { isoTime } from "../kernel/clock.ts";
import { formatDuration } from "../kernel/duration.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { ProofSink } from "../ports/proof-sink.ts";
import type { TlogStore } from "../ports/store.ts";
import type { TlogFiles } from "../ports/tlog-files.ts";
import type { Prover } from "./prover.ts";
import { entriesPath, TILE_WIDTH, tilePath } from "./tlog/tiles.ts";

export interface PrunerOptions {
  store: Pick<TlogStore, "tlog" | "lastHead" | "statementsAfter" | "firstStatementId" | "lastStatementId">;
  writer: ChangeWriter;
  files: Pick<TlogFiles, "remove" | "writeRetention">;
  sink: Pick<ProofSink, "removeDaysBefore">;
  prover: Pick<Prover, "due" | "caughtUp" | "log">;
  seal: Seal;
  clock: Pick<Clock, "now">;
  logger: Logger;
}

/** Deleting so many statements takes less than 10 ms, so that whoever waits for the next batch does not notice. */
const BATCH = 100;
const PAGE = 1_000;

/** What was said to go. */
interface Notice {
  origin: string;
  minimumIndex: number;
  policy: string;
  /** Its leaf has this index or one below. */
  index: number;
}

/**
 * Lets proofs go that are older than they are to be kept, oldest first and as whole tiles: that it does so is a statement in the
 * log before anything goes. Then the leaves and their hashes, the statements in the database and the proof files of whole days.
 * What is kept stays provable: hashes of 256 leaves and more are never pruned, and copies of pruned proofs that others hold
 * verify as before. Resolves to how many statements went. Does nothing while the log does not go on.
 */
export type Pruner = (keepMs: number, isStopping: () => boolean) => Promise<number>;

export function createPruner(options: PrunerOptions): Pruner {
  const { store, writer, files, sink, prover, seal, clock, logger } = options;
  /** Stored, and not in a signed head yet. */
  let notice: Notice | undefined;

  return async (keepMs, isStopping) => {
    const tlog = await store.tlog();
    if (!tlog || prover.log().state !== "signing") return 0;
    if (keepMs < Infinity) await announce(tlog, keepMs);
    return finish(isStopping);
  };

  async function announce(tlog: Tlog, keepMs: number): Promise<void> {
    const prunable = await prunableIndex(tlog, clock.now() - keepMs);
    if (prunable <= tlog.minimumIndex) return;
    if (notice?.origin !== tlog.origin || notice.minimumIndex > prunable)
      notice = await giveNotice(tlog, prunable, keepMs);
    await prover.caughtUp();
    const covering = await store.lastHead(tlog.origin);
    // Without the notice in a signed head nothing may go; the next turn comes to it again.
    if (!notice || !covering || covering.size <= notice.index) return;
    const { minimumIndex, policy } = notice;
    await files.writeRetention(`${JSON.stringify({ minimumIndex, policy })}\n`);
    await submit({ type: "tlog_pruned", origin: tlog.origin, minimumIndex });
    notice = undefined;
    logger.info({ event: "tlog.pruned", count: minimumIndex }, `leaves below ${minimumIndex} are pruned: ${policy}`);
  }

  async function giveNotice(tlog: Tlog, minimumIndex: number, keepMs: number): Promise<Notice | undefined> {
    const { origin, firstStatement } = tlog;
    const head = await store.lastHead(origin);
    if (!head) return undefined;
    const ended = `proofs are kept for ${formatDuration(keepMs)} after the day on which their run ended`;
    const policy = `${ended}, statements of starts after that on which it was created`;
    const facts = { origin, minimumIndex, checkpoint: head.checkpoint, policy, at: clock.now() };
    const sealed = await sealStatement(pruneStatementText(facts), seal);
    await submit({ type: "add_statement", statement: { ...sealed, file: attestationFileName(sealed.digest) } });
    const index = (await store.lastStatementId()) - firstStatement;
    prover.due();
    return { origin, minimumIndex, policy, index };
  }

  /** The first index of a tile that holds a leaf to be kept. */
  async function prunableIndex({ firstStatement, minimumIndex }: Tlog, before: number): Promise<number> {
    const day = dayOf(before);
    let index = minimumIndex;
    for (;;) {
      const page = await store.statementsAfter(firstStatement + index - 1, PAGE);
      const kept = page.findIndex(({ file }) => isOfDay(file) && file.slice(0, day.length) >= day);
      if (kept >= 0) return wholeTiles(index + kept);
      // Never all: the last tile may be written to.
      if (page.length < PAGE) return wholeTiles(Math.max(minimumIndex, index + page.length - 1));
      index += page.length;
    }
  }

  /** What was announced and is still there goes; a former life may not have come to it. */
  async function finish(isStopping: () => boolean): Promise<number> {
    const tlog = await store.tlog();
    if (!tlog || tlog.minimumIndex === 0) return 0;
    const first = await store.firstStatementId();
    const end = tlog.firstStatement + tlog.minimumIndex;
    if (first >= end) return 0;
    for (let index = Math.max(0, first - tlog.firstStatement); index < tlog.minimumIndex; index += TILE_WIDTH) {
      const tile = Math.floor(index / TILE_WIDTH);
      await files.remove([entriesPath(tile, TILE_WIDTH), tilePath({ level: 0, index: tile, width: TILE_WIDTH })]);
    }
    let count = 0;
    for (let from = first; from < end && !isStopping(); from += BATCH) {
      const before = Math.min(from + BATCH, end);
      await submit({ type: "delete_statements", before });
      count += before - from;
    }
    // A start is stored a moment after the instant that its folder is named by, and so may follow ends of the next day.
    const [oldest] = (await store.statementsAfter(end - 1, PAGE))
      .filter(({ file }: StoredStatement) => isOfDay(file))
      .map(({ file }) => file.slice(0, "YYYY/MM/DD".length))
      .sort();
    if (oldest !== undefined) await sink.removeDaysBefore(oldest);
    return count;
  }

  async function submit(change: Change): Promise<void> {
    const verdict = await writer.submit(change);
    if (!verdict.ok) throw new CascadeError("STORE_FAILED", `pruning was refused: ${verdict.message}`);
  }
}

function dayOf(at: number): string {
  return isoTime(at).slice(0, 10).replaceAll("-", "/");
}

function isOfDay(file: string): boolean {
  return /^\d{4}\/\d{2}\/\d{2}\//.test(file);
}

function wholeTiles(index: number): number {
  return Math.floor(index / TILE_WIDTH) * TILE_WIDTH;
}
