import { advance, apply } from "../domain/advance.ts";
import type { Verdict } from "../domain/change.ts";
import type { Proof } from "../domain/proof.ts";
import { isRunEnded, type Run, type RunHead, type RunId } from "../domain/run.ts";
import type { RunChange, RunEvent } from "../domain/run-change.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { RunStore } from "../ports/store.ts";
import type { Contribution } from "./batcher.ts";

/** An event for a run, and what to do when whatever came of it is durable. */
export interface Letter {
  event: RunEvent;
  done?: (() => void) | undefined;
}

/** What a durable change has made of a run. */
export interface Committed {
  run: Run;
  change: RunChange;
  before: RunHead;
}

export interface RunBookOptions {
  store: RunStore;
  clock: Clock;
  logger: Logger;
  wake(): void;
  /** Claims for task runs that this very change makes ready: settle and next claim then share one batch. */
  claimFresh(run: Run, ready: readonly string[]): Letter[];
  /** The proof of a run that ends with this change. */
  seal(run: Run, change: RunChange): Promise<Proof>;
  /** A refused change's proof must not be built upon. */
  unseal(run: Run): void;
  /** The only place from where a change has effects. */
  onCommitted(committed: Committed): void;
  /** A change was refused and the run was read again from the store. */
  onReread(run: Run): void;
}

interface Entry {
  run: Run;
  mailbox: Letter[];
  inFlight: boolean;
}

/** The unfinished runs in memory. Events wait in a run's mailbox while a change of it is being written. */
export interface RunBook {
  add(run: Run): void;
  get(id: RunId): Run | undefined;
  all(): IterableIterator<Run>;
  /** Adds an event; `done` is called when what came of it is durable, at once when the run is not here. */
  post(id: RunId, event: RunEvent, done?: () => void): void;
  contribute(): Promise<Contribution[]>;
}

export function createRunBook(options: RunBookOptions): RunBook {
  const entries = new Map<RunId, Entry>();
  const dirty = new Set<Entry>();

  async function contributionOf(entry: Entry): Promise<Contribution | undefined> {
    const { run } = entry;
    const mail = entry.mailbox.splice(0);
    const now = options.clock.now();
    const decide = () =>
      advance(
        run,
        mail.map(({ event }) => event),
        now,
      );
    let change = decide();
    if (change && !change.ended && !change.head.cancel) {
      const ready = change.tasks.filter(({ state }) => state === "ready").map(({ name }) => name);
      const claims = ready.length > 0 ? options.claimFresh(run, ready) : [];
      if (claims.length > 0) {
        mail.push(...claims);
        change = decide();
      }
    }
    const done = () => mail.forEach((letter) => letter.done?.());
    if (!change) {
      done();
      return undefined;
    }
    entry.inFlight = true;
    const decided = change;
    const proof = decided.ended ? await options.seal(run, decided) : null;
    return {
      change: { type: "change_run", change: decided, proof },
      settled(verdict) {
        if (verdict.ok) {
          const before = run.head;
          apply(run, decided);
          release(entry);
          if (isRunEnded(run.head.state)) entries.delete(run.id);
          options.onCommitted({ run, change: decided, before });
          done();
        } else void reread(entry, mail, verdict);
      },
    };
  }

  function release(entry: Entry): void {
    entry.inFlight = false;
    if (entry.mailbox.length > 0) {
      dirty.add(entry);
      options.wake();
    }
  }

  async function reread(entry: Entry, mail: Letter[], verdict: Verdict): Promise<void> {
    const { id } = entry.run;
    options.logger.warn({ event: "run.refused", runId: id, verdict }, "a change was refused; the run is read again");
    options.unseal(entry.run);
    const stored = await options.store.loadRun(id);
    if (!stored || isRunEnded(stored.head.state)) {
      entries.delete(id);
      mail.forEach((letter) => letter.done?.());
      return;
    }
    entry.run = stored;
    entry.mailbox.unshift(...mail);
    options.onReread(stored);
    release(entry);
  }

  return {
    add(run) {
      entries.set(run.id, { run, mailbox: [], inFlight: false });
    },
    get: (id) => entries.get(id)?.run,
    *all() {
      for (const { run } of entries.values()) yield run;
    },
    post(id, event, done) {
      const entry = entries.get(id);
      if (!entry) return done?.();
      entry.mailbox.push({ event, done });
      if (entry.inFlight) return;
      dirty.add(entry);
      options.wake();
    },
    async contribute() {
      const turn = [...dirty];
      dirty.clear();
      const contributions: Contribution[] = [];
      // In order, because the proofs of one workflow follow one another.
      for (const entry of turn) {
        if (entry.inFlight) continue;
        const contribution = await contributionOf(entry);
        if (contribution) contributions.push(contribution);
      }
      return contributions;
    },
  };
}
