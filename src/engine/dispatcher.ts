import type { Hold } from "../domain/hold.ts";
import type { Run, RunId, TaskRun } from "../domain/run.ts";
import type { RunChange, RunEvent } from "../domain/run-change.ts";
import type { Digest } from "../kernel/digest.ts";
import type { TaskHost } from "../ports/task-host.ts";
import type { Letter } from "./run-book.ts";

export interface DispatcherOptions {
  host: TaskHost;
  newAttemptId(): string;
  run(id: RunId): Run | undefined;
  post(id: RunId, event: RunEvent, done: () => void): void;
  /** A claim is durable: the attempt is open. */
  execute(run: Run, task: string): void;
}

interface Ready {
  run: RunId;
  task: string;
}

/** After so many unclean ends of the daemon in which it had an attempt open, a task run is tried alone. */
const SUSPECT_DEATHS = 3;

/**
 * Ready task runs, and which of them are claimed next. It claims no more than the task host has room for, so that what is
 * not claimed stays free for whoever is next.
 */
export interface Dispatcher {
  offer(run: Run, task: string): void;
  /** Claims for the task runs that a change makes ready, as far as there is room. */
  claimFresh(run: Run, change: RunChange): Letter[];
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
  /** By package, because a host serves one package at a time; the order of the keys is whose turn it is. */
  const lines = new Map<Digest, Ready[]>();
  const offered = new Set<string>();
  const suspects: Ready[] = [];
  /** Attempts claimed and not ended, by workflow and task. */
  const active = new Map<string, number>();
  let activeTotal = 0;
  let pendingClaims = 0;
  let alone: string | undefined;
  let isOpen = false;
  let isSuspicious = false;

  const keyOf = (run: RunId, task: string) => `${run}/${task}`;
  const limitKey = (run: Run, task: string) => `${run.workflow}/${task}`;

  function isLimited(run: Run, task: string): boolean {
    const limit = run.snapshot.tasks.get(task)?.concurrency ?? null;
    return limit !== null && (active.get(limitKey(run, task)) ?? 0) >= limit;
  }

  function hasRoom(run: Run, task: string): boolean {
    const isolation = run.snapshot.tasks.get(task)?.isolation ?? "shared";
    return host.room(run.package.digest, isolation) > pendingClaims;
  }

  function isSuspect(task: TaskRun | undefined): boolean {
    return isSuspicious && (task?.daemonDeaths ?? 0) >= SUSPECT_DEATHS;
  }

  function mayClaim(run: Run, task: string): boolean {
    return isOpen && alone === undefined && suspects.length === 0 && !isLimited(run, task) && hasRoom(run, task);
  }

  function take(run: Run, task: string, isAlone: boolean): Letter & { done: () => void } {
    const key = limitKey(run, task);
    active.set(key, (active.get(key) ?? 0) + 1);
    activeTotal++;
    pendingClaims++;
    if (isAlone) alone = keyOf(run.id, task);
    const attemptId = options.newAttemptId();
    return {
      event: { type: "claim", task, attemptId, alone: isAlone },
      done() {
        pendingClaims--;
        // Something that came before it may have made the claim void, a cancel for one.
        const current = options.run(run.id);
        const open = current?.tasks.get(task)?.attempts.at(-1);
        if (current && open?.id === attemptId && open.outcome === null) options.execute(current, task);
        else ended(run, task);
      },
    };
  }

  function ended(run: Run, task: string): void {
    const key = limitKey(run, task);
    const count = (active.get(key) ?? 1) - 1;
    if (count > 0) active.set(key, count);
    else active.delete(key);
    activeTotal--;
    if (alone === keyOf(run.id, task)) alone = undefined;
  }

  function post(run: Run, letter: Letter & { done: () => void }): void {
    options.post(run.id, letter.event, letter.done);
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

  /** Claims from one package's line; true when something was claimed. What its own limit holds back stays in place. */
  function claimFrom(line: Ready[]): boolean {
    for (let index = 0; index < line.length; index++) {
      const { run: id, task } = line[index]!;
      const run = options.run(id);
      if (run?.tasks.get(task)?.state !== "ready" || run.head.cancel) {
        offered.delete(keyOf(id, task));
        line.splice(index--, 1);
        continue;
      }
      if (isLimited(run, task)) continue;
      if (!hasRoom(run, task)) return false;
      offered.delete(keyOf(id, task));
      line.splice(index, 1);
      post(run, take(run, task, false));
      return true;
    }
    return false;
  }

  function claim(): void {
    if (!isOpen) return;
    if (suspects.length > 0 || alone !== undefined) return claimSuspect();
    for (let progress = true; progress;) {
      progress = false;
      for (const [digest, line] of [...lines]) {
        if (claimFrom(line)) progress = true;
        if (line.length === 0) lines.delete(digest);
      }
    }
  }

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
      const line = lines.get(digest);
      if (line) line.push({ run: run.id, task });
      else lines.set(digest, [{ run: run.id, task }]);
    },
    claimFresh(run, change) {
      const letters: Letter[] = [];
      // Whoever waits already comes first.
      if (lines.size > 0) return letters;
      for (const task of change.tasks) {
        if (task.state !== "ready" || isSuspect(task) || change.head.cancel) continue;
        if (mayClaim(run, task.name)) letters.push(take(run, task.name, false));
      }
      return letters;
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
        const limit = run.snapshot.tasks.get(task.name)?.concurrency;
        return [hold("task_concurrency", `${limit} attempts of this task are running, its limit`)];
      }
      if (alone !== undefined || suspects.length > 0) {
        return [hold("running_alone", "a task that was running each time the daemon died is tried alone first")];
      }
      return [hold("daemon_concurrency", "every task process is busy")];
    },
  };
}
