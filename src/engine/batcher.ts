import type { Change, Verdict } from "../domain/change.ts";
import type { Clock } from "../kernel/clock.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { StoreWriter } from "../ports/store.ts";

/** A change and what to do when it is durable or refused. */
export interface Contribution {
  change: Change;
  settled(verdict: Verdict): void;
}

export interface BatcherOptions {
  store: StoreWriter;
  clock: Clock;
  logger: Logger;
  /** Decisions made since the last batch; asked when a batch is put together, so that they see the newest events. */
  contribute(): Promise<readonly Contribution[]>;
  /** Why storage refuses for now, or null when it accepts again. */
  onRefusing(reason: CascadeError | null): void;
  /** Storage failed for good: nothing is written any more. */
  onFatal(error: CascadeError): void;
}

export interface Batcher extends ChangeWriter {
  /** Asks for a batch in the next turn of the event loop. */
  wake(): void;
  /** Resolves when nothing is left to write. */
  idle(): Promise<void>;
  /** Refuses what comes later. */
  close(): void;
}

const RETRY_MS = 1_000;
/** Keeps one transaction short enough that reads and signals get their turn. */
const BATCH_MAX = 1_000;

/** Group commit: everything decided while the last batch was being written goes down in one durable step. */
export function createBatcher(options: BatcherOptions): Batcher {
  const { store, clock, logger } = options;
  const queue: Contribution[] = [];
  const idlers: (() => void)[] = [];
  let scheduled = false;
  let writing = false;
  let ended: CascadeError | undefined;
  const rejections = new Map<Contribution, (error: CascadeError) => void>();

  function wake(): void {
    if (scheduled || writing) return;
    scheduled = true;
    // setImmediate gathers what all events of this turn decide; a microtask would write nearly every change alone.
    setImmediate(() => {
      scheduled = false;
      void run();
    });
  }

  async function run(): Promise<void> {
    writing = true;
    try {
      while (!ended) {
        const batch = await gather();
        if (batch.length === 0) break;
        const verdicts = await commitPatiently(batch.map(({ change }) => change));
        batch.forEach((contribution, index) => {
          rejections.delete(contribution);
          contribution.settled(verdicts[index]!);
        });
        await nextTurn();
      }
    } catch (error) {
      fail(toCascadeError(error));
    } finally {
      writing = false;
    }
    for (const resolve of idlers.splice(0)) resolve();
  }

  async function gather(): Promise<Contribution[]> {
    queue.push(...(await options.contribute()));
    return queue.splice(0, BATCH_MAX);
  }

  async function commitPatiently(changes: readonly Change[]): Promise<readonly Verdict[]> {
    let refusing: CascadeError | null = null;
    for (;;) {
      try {
        const verdicts = await store.commit(changes);
        if (refusing) {
          logger.info({ event: "store.writable" }, "storage accepts writes again");
          options.onRefusing(null);
        }
        return verdicts;
      } catch (error) {
        const failure = toCascadeError(error);
        if (!passes(failure) || ended) throw failure;
        if (failure.code !== refusing?.code) {
          const event = failure.code === "STORE_FULL" ? "store.full" : "store.busy";
          logger.error({ event, err: failure }, `the engine waits: ${failure.message}`);
          options.onRefusing(failure);
        }
        refusing = failure;
        await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
      }
    }
  }

  function fail(error: CascadeError): void {
    if (ended) return;
    ended = error;
    for (const reject of rejections.values()) reject(error);
    rejections.clear();
    options.onFatal(error);
  }

  return {
    submit(change) {
      if (ended) return Promise.reject(ended);
      return new Promise((resolve, reject) => {
        const contribution = { change, settled: resolve };
        rejections.set(contribution, reject);
        queue.push(contribution);
        wake();
      });
    },
    wake,
    idle() {
      if (ended || (!writing && !scheduled && queue.length === 0)) return Promise.resolve();
      return new Promise((resolve) => idlers.push(resolve));
    },
    close() {
      const error = new CascadeError("DAEMON_DRAINING", "the daemon has stopped");
      ended ??= error;
      for (const reject of rejections.values()) reject(error);
      rejections.clear();
    },
  };
}

/** What waiting mends. */
function passes({ code }: CascadeError): boolean {
  return code === "STORE_FULL" || code === "STORE_BUSY";
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
