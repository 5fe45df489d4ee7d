import type { Hold } from "../domain/hold.ts";
import type { Run, RunId, TaskRun } from "../domain/run.ts";
import type { RunEvent } from "../domain/run-change.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Digest } from "../kernel/digest.ts";
import type { TaskHost } from "../ports/task-host.ts";
import { type Ready, ReadyLine } from "./ready-line.ts";
import type { Letter } from "./run-book.ts";
import { createTurns } from "./turns.ts";

export interface DispatcherOptions {
  host: TaskHost;
  clock: Pick<Clock, "elapsed">;
  newAttemptId(): string;
  run(id: RunId): Run | undefined;
  post(id: RunId, event: RunEvent, done: () => void): void;
  /** A claim is durable: the attempt is open. */
  execute(run: Run, task: string): void;
}

/** A claim that is decided and not durable yet. */
export interface Claim extends Letter {
  done(): void;
  /** It was not written: nothing of it is left. */
  undone(): void;
}

/** After so many unclean ends of the daemon in which it had an attempt open, a task run is tried alone. */
const SUSPECT_DEATHS = 3;

/**
 * Ready task runs, and which of them are claimed next. It claims no more than the task host has room for, so that what is
 * not claimed stays free for whoever is next.
 */
export interface Dispatcher {
  offer(run: Run, task: string): void;
  /** Claims for task runs of a run that a change makes ready, as far as there is room. */
  claimFresh(run: Run, ready: readonly string[]): Claim[];
  /** Claims what waits, as far as there is room. */
  claim(): void;
  /** An attempt has left the host. */
  ended(run: Run, task: string): void;
  /** While closed it collects and claims nothing. */
  open(): void;
  close(): void;
  /** The daemon has died again and again: task runs that were open each time are tried alone. */
  suspect(): void;
  holds(run: Run, task: TaskRun): Hold[];
}

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { host } = options;
  /** By package, because a process serves one package at a time; in the order in which they began to wait. */
  const lines = new Map<Digest, ReadyLine>();
  const offered = new Set<string>();
  const suspects: Ready[] = [];
  /** Attempts claimed and not ended, by workflow and task, of tasks that have a limit. */
  const active = new Map<string, number>();
  let activeTotal = 0;
  const turns = createTurns(host, () => options.clock.elapsed());
  /** Something has entered or left the host since `turns` looked at it. */
  let isStale = true;
  /** Claims of those that waited, on their way to the store. */
  let called = 0;
  let alone: string | undefined;
  let isOpen = false;
  let isSuspicious = false;

  const keyOf = (run: RunId, task: string) => `${run}/${task}`;
  const limitKey = (run: Run, task: string) => `${run.workflow}/${task}`;
  const limitOf = (run: Run, task: string) => run.snapshot.tasks.get(task)?.concurrency ?? null;

  function isLimited(run: Run, task: string): boolean {
    const limit = limitOf(run, task);
    return limit !== null && (active.get(limitKey(run, task)) ?? 0) >= limit;
  }

  /** A command and a fresh task begin in a process of their own. */
  function needsOwnProcess(run: Run, task: string): boolean {
    const definition = run.snapshot.tasks.get(task);
    return definition?.isolation === "fresh" || (definition?.command ?? null) !== null;
  }

  function isSuspect(task: TaskRun | undefined): boolean {
    return isSuspicious && (task?.daemonDeaths ?? 0) >= SUSPECT_DEATHS;
  }

  function take(run: Run, task: string, isAlone: boolean): Claim {
    const release = turns.claimed(run.package.digest, needsOwnProcess(run, task));
    if (limitOf(run, task) !== null) active.set(limitKey(run, task), (active.get(limitKey(run, task)) ?? 0) + 1);
    activeTotal++;
    if (isAlone) alone = keyOf(run.id, task);
    const attemptId = options.newAttemptId();
    return {
      event: { type: "claim", task, attemptId, alone: isAlone },
      done() {
        release();
        isStale = true;
        // Something that came before it may have made the claim void, a cancel for one.
        const current = options.run(run.id);
        const open = current?.tasks.get(task)?.attempts.at(-1);
        if (current && open?.id === attemptId && open.outcome === null) options.execute(current, task);
        else ended(run, task);
      },
      undone() {
        release();
        ended(run, task);
      },
    };
  }

  function ended(run: Run, task: string): void {
    isStale = true;
    const key = limitKey(run, task);
    const count = active.get(key);
    if (count !== undefined && count > 1) active.set(key, count - 1);
    else active.delete(key);
    activeTotal--;
    if (alone === keyOf(run.id, task)) alone = undefined;
  }

  function post(run: Run, claim: Claim): void {
    called++;
    options.post(run.id, claim.event, () => {
      called--;
      claim.done();
    });
  }

  function claimSuspect(): void {
    if (!isOpen || alone !== undefined || activeTotal > 0) return;
    const next = suspects.shift();
    if (!next) return;
    offered.delete(keyOf(next.run, next.task));
    const run = options.run(next.run);
    if (run?.tasks.get(next.task)?.state !== "ready") return claimSuspect();
    post(run, take(run, next.task, true));
  }

  /** Claims so many from one package's line at most. What its own limit holds back stays in its place. */
  function claimFrom(line: ReadyLine, most: number, ownProcess: boolean): number {
    let claimed = 0;
    if (most <= 0) return claimed;
    line.visit((ready) => {
      if (claimed === most) return "stop";
      const run = options.run(ready.run);
      if (run?.tasks.get(ready.task)?.state !== "ready" || run.head.cancel) {
        offered.delete(keyOf(ready.run, ready.task));
        return "take";
      }
      if (isLimited(run, ready.task) || (needsOwnProcess(run, ready.task) && !ownProcess)) return "keep";
      claimed++;
      offered.delete(keyOf(ready.run, ready.task));
      post(run, take(run, ready.task, false));
      return "take";
    });
    return claimed;
  }

  /**
   * First what processes can take that serve its package already, so that a process is not given to another package while
   * its own has work; then, one at a time and package by package, what needs a process.
   */
  function claim(): void {
    if (!isOpen) return;
    if (suspects.length > 0 || alone !== undefined) return claimSuspect();
    if (lines.size === 0) return;
    turns.look(lines.keys());
    isStale = false;
    for (const [digest, line] of lines) claimFrom(line, turns.placesIn(digest), false);
    for (let progress = true; progress && turns.freeProcesses() > 0;) {
      progress = false;
      for (const digest of turns.unservedFirst(lines.keys())) {
        if (turns.freeProcesses() <= 0) break;
        if (claimFrom(lines.get(digest)!, 1, true) > 0) progress = true;
      }
    }
    for (const [digest, line] of lines) if (line.length === 0) lines.delete(digest);
  }

  host.onRoom(() => (isStale = true));

  return {
    offer(run, task) {
      const key = keyOf(run.id, task);
      if (offered.has(key)) return;
      offered.add(key);
      if (isSuspect(run.tasks.get(task))) {
        suspects.push({ run: run.id, task });
        return;
      }
      const { digest } = run.package;
      let line = lines.get(digest);
      if (!line) lines.set(digest, (line = new ReadyLine()));
      line.push({ run: run.id, task });
    },
    claimFresh(run, ready) {
      const claims: Claim[] = [];
      // Whoever waits already comes first, also into the queue of a process.
      if (!isOpen || lines.size > 0 || called > 0 || alone !== undefined || suspects.length > 0) return claims;
      const { digest } = run.package;
      if (isStale) turns.look([]);
      isStale = false;
      for (const name of ready) {
        if (isSuspect(run.tasks.get(name)) || isLimited(run, name)) continue;
        const room = turns.freeProcesses() + (needsOwnProcess(run, name) ? 0 : turns.placesIn(digest));
        if (room > 0) claims.push(take(run, name, false));
      }
      return claims;
    },
    claim,
    ended,
    open() {
      isOpen = true;
      claim();
    },
    close() {
      isOpen = false;
    },
    suspect() {
      isSuspicious = true;
    },
    holds(run, task) {
      if (task.state !== "ready") return [];
      const hold = (kind: Hold["kind"], message: string): Hold => ({ kind, task: task.name, message });
      if (!isOpen) return [hold("draining", "the daemon is stopping; it goes on after the restart")];
      if (isLimited(run, task.name)) {
        const limit = limitOf(run, task.name);
        return [hold("task_concurrency", `${limit} attempts of this task are running, its limit`)];
      }
      if (alone !== undefined || suspects.length > 0) {
        return [hold("running_alone", "a task that was running each time the daemon died is tried alone first")];
      }
      return [hold("daemon_concurrency", "every task process is busy")];
    },
  };
}
