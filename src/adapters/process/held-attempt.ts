import type { AttemptResult } from "../../ports/task-host.ts";
import type { OpenAttempt } from "./open-attempt.ts";
import type { Stopping } from "./stopping.ts";

/** What a task process knows of an attempt it holds. Times are of the process host's clock. */
export interface Held {
  readonly n: number;
  readonly open: OpenAttempt;
  readonly sentAt: number;
  startedAt: number;
  folder: number;
  askedBack: boolean;
  /** To be aborted as soon as it is known to have begun. */
  cancelled: boolean;
  /** Set when it has to end, which may take several steps. */
  stopping: Stopping | undefined;
  /** Set when its end has arrived; it is answered when descriptors 1 and 2 have been read up to its marker, if it left one. */
  ending: { result: AttemptResult | { file: number }; ms: number; marked: boolean; waitUntil: number } | undefined;
  markerSeen: boolean;
  /** Of the file with its recording, if it has left one. */
  readingsSize: number | null;
}

export function heldAttempt(n: number, open: OpenAttempt, sentAt: number): Held {
  return {
    n,
    open,
    sentAt,
    startedAt: 0,
    folder: 0,
    askedBack: false,
    cancelled: false,
    stopping: undefined,
    ending: undefined,
    markerSeen: false,
    readingsSize: null,
  };
}
