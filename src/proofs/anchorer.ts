import { type AnchorRecord, receiptFile, receiptFolder } from "../domain/anchor.ts";
import type { Clock } from "../kernel/clock.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import { createService, type Service } from "../kernel/service.ts";
import type { Anchor, ReceiptFiles } from "../ports/anchor.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { AnchorStore, TlogStore } from "../ports/store.ts";
import type { TlogFiles } from "../ports/tlog-files.ts";
import { createAnchorTurns } from "./anchors/turns.ts";

export interface AnchorerOptions {
  anchors: readonly Anchor[];
  store: Pick<TlogStore, "tlog" | "lastHead" | "headOver"> & AnchorStore;
  /** The tiles of the log. */
  files: Pick<TlogFiles, "read">;
  receipts: ReceiptFiles;
  writer: ChangeWriter;
  clock: Clock;
  logger: Logger;
  /** Someone has seen more of the log than was signed here. */
  onRolledBack(error: CascadeError): void;
}

/**
 * Shows heads of the log to others, each anchor by itself: one that fails, or never answers, delays no run, no proof and no other
 * anchor. A failed try is made again, 30 s later at first and up to an hour.
 *
 * `stop` breaks off what is under way, which the next start goes on with.
 */
export interface Anchorer extends Service {
  /** A head may have been signed: whoever has not seen it is shown it when its time has come. */
  headSigned(): void;
  /**
   * Shows the newest head now, to one anchor or to all, whatever was waited for. Resolves when that was begun; with `wait`, when
   * each of them has seen it or has failed once. Rejects with `ANCHOR_UNKNOWN` or `TLOG_EMPTY`.
   */
  anchorNow(name: string | null, wait: boolean): Promise<void>;
  /** One sentence for each anchor whose last try failed. */
  troubles(): readonly string[];
}

export function createAnchorer(options: AnchorerOptions): Anchorer {
  const { anchors, logger, store, writer, receipts } = options;
  const turns = anchors.map((anchor) =>
    createAnchorTurns(anchor, {
      ...options,
      onFailure(error) {
        if (error.code === "TLOG_ROLLED_BACK") options.onRolledBack(error);
        logger.warn(
          { event: "anchor.failed", anchor: anchor.name, err: error },
          `anchor ${anchor.name}: ${error.message}`,
        );
      },
      record,
      keep,
    }),
  );

  async function record(record: AnchorRecord): Promise<void> {
    const verdict = await writer.submit({ type: "record_anchor", record });
    if (!verdict.ok) throw new CascadeError("STORE_FAILED", `an anchor was not recorded: ${verdict.message}`);
  }

  /** The head beside the receipts of it, so that others' tools have what the receipts are over. */
  async function keep(anchored: AnchorRecord, checkpoint: string, receipt: Uint8Array): Promise<void> {
    const name = receiptFile(anchored);
    await receipts.write([
      { name: `${receiptFolder(anchored.origin, anchored.size)}/checkpoint`, bytes: Buffer.from(checkpoint, "utf8") },
      { name, bytes: receipt },
    ]);
    await record({ ...anchored, receipt: name });
    logger.info(
      { event: "anchor.anchored", anchor: anchored.name, size: anchored.size },
      `${anchored.size} leaves are anchored by ${anchored.name}`,
    );
  }

  const service = createService(
    () => turns.forEach((turn) => turn.look()),
    async () => {
      await Promise.all(turns.map((turn) => turn.stop()));
    },
  );

  return {
    ...service,
    headSigned() {
      for (const turn of turns) turn.look();
    },
    troubles: () =>
      turns.flatMap((turn) => {
        const trouble = turn.trouble();
        return trouble === undefined ? [] : [`anchor ${turn.name} has not seen the newest head: ${trouble}`];
      }),
    async anchorNow(name, wait) {
      const chosen = name === null ? turns : turns.filter((turn) => turn.name === name);
      if (name !== null && chosen.length === 0) {
        const known = turns.map((turn) => turn.name).join(", ") || "none";
        throw new CascadeError("ANCHOR_UNKNOWN", `there is no anchor ${name}; there are: ${known}`);
      }
      if (!(await store.tlog())) throw new CascadeError("TLOG_EMPTY", "no transparency log was opened yet");
      const seen = Promise.all(chosen.map((turn) => turn.now()));
      if (wait) await seen;
    },
  };
}
