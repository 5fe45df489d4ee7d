import type { AnchorKind } from "../domain/anchor.ts";
import type { Json } from "../kernel/json.ts";

/** A signed head of the log that someone else is to see. */
export interface HeadToAnchor {
  origin: string;
  /** The log's key, see https://c2sp.org/signed-note. */
  vkey: string;
  size: number;
  /** The signed note. */
  checkpoint: string;
  /** The largest head that this anchor has seen before; 0 for none. */
  anchoredSize: number;
  /** The hashes that show that the first `size` leaves are the beginning of this head. */
  consistencyFrom(size: number): Promise<readonly Buffer[]>;
}

/** What one step of an anchor came to. */
export type Anchoring =
  /** The head was seen. The receipt is checked already, and enough for a stranger to check it. */
  | { done: true; receipt: Uint8Array }
  /** There is something to wait for: `progress` is durable before the next step, which comes after `againInMs`. */
  | { done: false; progress: Json; againInMs: number };

/** Someone else who is made to see heads of the log. */
export interface Anchor {
  /** Of the configuration: a name as of workflows. */
  readonly name: string;
  readonly kind: AnchorKind;
  /** The least time between two heads. */
  readonly everyMs: number;
  /**
   * Takes one step; `progress` is that of the step before it, null at first. Rejects with `ANCHOR_UNREACHABLE`, or with
   * `ANCHOR_INVALID` for an answer that is not to be believed, or with `TLOG_ROLLED_BACK` when the other side has seen more of
   * the log than was signed here. Ends soon after the signal.
   */
  step(head: HeadToAnchor, progress: Json, signal: AbortSignal): Promise<Anchoring>;
}

/** Keeps what anchors gave, by names below `tlog-anchors/`. Rejects with `IO_FAILED`. */
export interface ReceiptFiles {
  /** Durable when it resolves. */
  write(files: readonly { name: string; bytes: Uint8Array }[]): Promise<void>;
}
