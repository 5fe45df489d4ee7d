import type { AnchorRecord } from "../../domain/anchor.ts";
import { LAST_RETRY_MS, nextAnchoring, retryDelay } from "../../domain/anchoring.ts";
import type { TlogHead } from "../../domain/tlog.ts";
import type { Clock } from "../../kernel/clock.ts";
import { CascadeError, toCascadeError } from "../../kernel/errors.ts";
import type { Json } from "../../kernel/json.ts";
import type { Anchor, Anchoring, HeadToAnchor } from "../../ports/anchor.ts";
import type { AnchorStore, TlogStore } from "../../ports/store.ts";
import type { TlogFiles } from "../../ports/tlog-files.ts";
import { headToAnchor } from "./head-to-anchor.ts";

export interface TurnPorts {
  store: Pick<TlogStore, "tlog" | "lastHead" | "headOver"> & AnchorStore;
  files: Pick<TlogFiles, "read">;
  clock: Clock;
  record(record: AnchorRecord): Promise<void>;
  /** Keeps the receipt, and then records that the head is anchored. */
  keep(anchored: AnchorRecord, checkpoint: string, receipt: Uint8Array): Promise<void>;
  onFailure(error: CascadeError): void;
}

/** The turns of one anchor: never two at a time. */
export interface AnchorTurns {
  readonly name: string;
  /** Looks whether there is something to do, now or at a later time. */
  look(): void;
  /** Why the last try failed; undefined when it did not. */
  trouble(): string | undefined;
  /** Takes a turn at once; resolves when the newest head was seen or a try has failed. */
  now(): Promise<void>;
  /** Breaks off what is under way; resolves when nothing is any more. */
  stop(): Promise<void>;
}

export function createAnchorTurns(anchor: Anchor, ports: TurnPorts): AnchorTurns {
  const { store, clock } = ports;
  const { name, kind, everyMs } = anchor;
  const stopping = new AbortController();
  const { signal } = stopping;
  let turn: Promise<void> | undefined;
  let lookAgain = false;
  let isAsked = false;
  /** The newest head when it was asked for. */
  let askedSize: number | undefined;
  let trouble: string | undefined;
  let callOff = (): void => undefined;
  const waiting = new Set<() => void>();

  function look(): void {
    lookAgain = true;
    if (!signal.aborted) turn ??= takeTurns();
  }

  async function takeTurns(): Promise<void> {
    while (lookAgain && !signal.aborted) {
      lookAgain = false;
      callOff();
      try {
        await takeTurn();
      } catch (error) {
        // The store or the log's files: what could not be recorded is done again.
        if (signal.aborted) break;
        failed(toCascadeError(error));
        sleep(retryDelay(1));
      }
    }
    turn = undefined;
  }

  async function takeTurn(): Promise<void> {
    const tlog = await store.tlog();
    const newest = tlog && (await store.lastHead(tlog.origin));
    if (!newest) return settle();
    if (waiting.size > 0) askedSize ??= newest.size;
    const records = (await store.anchors(tlog.origin)).filter((record) => record.name === name && record.kind === kind);
    const anchored = records.find(({ state }) => state === "anchored");
    const unfinished = records.find(({ state }) => state !== "anchored");
    const next = nextAnchoring({ headSize: newest.size, anchored, unfinished, everyMs });
    if (!next) return settle();
    const waitMs = next.at - clock.now();
    // A longer wait was stored by a clock that was ahead.
    if (waitMs > 0 && waitMs <= Math.max(everyMs, LAST_RETRY_MS) && !isAsked) return sleep(waitMs);
    const head = next.size === newest.size ? newest : await store.headOver(tlog.origin, next.size);
    if (head?.size !== next.size) throw new CascadeError("INTERNAL", `there is no signed head of ${next.size} leaves`);
    await takeStep(headToAnchor(tlog, head, anchored?.size ?? 0, ports.files), head, unfinished);
  }

  async function takeStep(shown: HeadToAnchor, head: TlogHead, unfinished: AnchorRecord | undefined): Promise<void> {
    const progress = unfinished?.size === head.size ? unfinished.progress : null;
    const base = { origin: shown.origin, name, kind, size: head.size, receipt: null, error: null, attempts: 0 };
    let stepped = await step(shown, progress);
    if (signal.aborted) return;
    const at = clock.now();
    if (!(stepped instanceof CascadeError) && stepped.done) {
      const anchored: AnchorRecord = { ...base, state: "anchored", at, nextAt: null, progress: null };
      // A receipt that could not be kept is not there: the head is shown again.
      stepped = await ports.keep(anchored, head.checkpoint, stepped.receipt).then(() => stepped, toCascadeError);
    }
    if (stepped instanceof CascadeError) {
      const attempts = (unfinished?.attempts ?? 0) + 1;
      const nextAt = at + retryDelay(attempts);
      await ports.record({ ...base, state: "failed", attempts, at, nextAt, progress, error: stepped.message });
      failed(stepped);
    } else if (stepped.done) {
      trouble = undefined;
      // An earlier head that was begun comes to its end first.
      if (askedSize !== undefined && head.size < askedSize) isAsked = true;
      else settle();
    } else {
      const nextAt = at + stepped.againInMs;
      await ports.record({ ...base, state: "pending", at, nextAt, progress: stepped.progress });
      // Who asked has no use for a wait that was cut short: a transaction takes the time that it takes.
      isAsked = false;
    }
    lookAgain = true;
  }

  function step(head: HeadToAnchor, progress: Json): Promise<Anchoring | CascadeError> {
    return new Promise((resolve) => {
      // An anchor that does not heed the signal must not keep the daemon from ending.
      const onAbort = () => resolve(new CascadeError("ANCHOR_UNREACHABLE", "the daemon stops"));
      signal.addEventListener("abort", onAbort);
      void anchor
        .step(head, progress, signal)
        .catch(toCascadeError)
        .then((result) => {
          signal.removeEventListener("abort", onAbort);
          resolve(result);
        });
    });
  }

  function failed(error: CascadeError): void {
    trouble = error.message;
    ports.onFailure(error);
    settle();
  }

  function sleep(ms: number): void {
    if (!signal.aborted) callOff = clock.after(ms, look);
  }

  function settle(): void {
    isAsked = false;
    askedSize = undefined;
    for (const resolve of waiting) resolve();
    waiting.clear();
  }

  return {
    name,
    look,
    trouble: () => trouble,
    now() {
      if (signal.aborted) return Promise.resolve();
      isAsked = true;
      const settled = new Promise<void>((resolve) => waiting.add(resolve));
      look();
      return settled;
    },
    async stop() {
      stopping.abort();
      callOff();
      settle();
      await turn;
    },
  };
}
