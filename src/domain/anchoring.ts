import type { AnchorRecord } from "./anchor.ts";

const FIRST_RETRY_MS = 30_000;
/** No wait after a failure is longer. */
export const LAST_RETRY_MS = 3_600_000;

/** How long to wait after so many failed tries in a row: 30 s, doubled up to an hour. */
export function retryDelay(attempts: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** Math.max(0, attempts - 1), LAST_RETRY_MS);
}

export interface AnchoringFacts {
  /** The newest signed head; 0 when there is none. */
  headSize: number;
  /** The largest head that the anchor has seen; undefined when there is none. */
  anchored: AnchorRecord | undefined;
  /** What it is working on, or has failed at. */
  unfinished: AnchorRecord | undefined;
  /** The least time between two heads. */
  everyMs: number;
}

/** Which head is next for an anchor, and when; undefined when there is nothing that it has not seen. */
export function nextAnchoring(facts: AnchoringFacts): { size: number; at: number } | undefined {
  const { headSize, anchored, unfinished, everyMs } = facts;
  // What was begun is brought to its end, however far the log has grown: a transaction was paid for.
  if (unfinished && unfinished.progress !== null) return { size: unfinished.size, at: unfinished.nextAt ?? 0 };
  if (headSize === 0 || headSize <= (anchored?.size ?? 0)) return undefined;
  const notBefore = anchored ? anchored.at + everyMs : 0;
  // After a failure the newest head is tried, which covers everything that the former one did.
  return { size: headSize, at: Math.max(notBefore, unfinished?.nextAt ?? 0) };
}
