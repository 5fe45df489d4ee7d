import type { Change, Verdict } from "../domain/change.ts";

/**
 * The one way to write: a change joins the next batch and resolves to its verdict when the batch is durable.
 * Rejects only when the daemon stops or its storage failed for good; while the disk is full it waits.
 */
export interface ChangeWriter {
  submit(change: Change): Promise<Verdict>;
}
