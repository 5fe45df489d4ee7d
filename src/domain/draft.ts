import { invariant } from "../kernel/assert.ts";
import {
  type Attempt,
  type AttemptId,
  type Failure,
  isTaskRunEnded,
  type Run,
  type RunHead,
  type TaskRun,
  type TaskRunState,
} from "./run.ts";
import type { HistoryEntry, RunChange } from "./run-change.ts";

/** Written out field by field, as heads and attempts are: they change so often that they have to be objects of one shape. */
function changedTaskRun(task: TaskRun, change: Partial<TaskRun>): TaskRun {
  return {
    name: task.name,
    state: change.state ?? task.state,
    pendingUpstream: change.pendingUpstream ?? task.pendingUpstream,
    countedAttempts: change.countedAttempts ?? task.countedAttempts,
    fence: change.fence ?? task.fence,
    attempts: change.attempts ?? task.attempts,
    readyAt: change.readyAt === undefined ? task.readyAt : change.readyAt,
    daemonDeaths: change.daemonDeaths ?? task.daemonDeaths,
    aloneDeaths: change.aloneDeaths ?? task.aloneDeaths,
    output: change.output === undefined ? task.output : change.output,
    failure: change.failure === undefined ? task.failure : change.failure,
    endedAt: change.endedAt === undefined ? task.endedAt : change.endedAt,
  };
}

/** A run as it will be: reads through to the run, keeps what differs. Costs as much as the task runs touched. */
export class Draft {
  readonly run: Run;
  readonly now: number;
  head: RunHead;
  /** Task runs that ended since the consequences were last drawn. */
  justEnded: TaskRun[] = [];
  private readonly changed = new Map<string, TaskRun>();
  private readonly attempts: { task: string; attempt: Attempt }[] = [];
  private readonly givenBack: AttemptId[] = [];
  private readonly history: HistoryEntry[] = [];

  constructor(run: Run, now: number) {
    this.run = run;
    this.now = now;
    this.head = run.head;
  }

  task(name: string): TaskRun {
    const task = this.changed.get(name) ?? this.run.tasks.get(name);
    invariant(task, `run ${this.run.id} has a task ${name}`);
    return task;
  }

  put(task: TaskRun, change: Partial<TaskRun>): TaskRun {
    const next = changedTaskRun(task, change);
    this.changed.set(task.name, next);
    return next;
  }

  /** Moves a task run to one of its ends. */
  end(task: TaskRun, state: TaskRunState, change: Partial<TaskRun> = {}): void {
    const ended = this.put(task, { ...change, state, readyAt: null, endedAt: this.now });
    const { head } = this;
    this.head = {
      state: head.state,
      startedAt: head.startedAt,
      endedAt: head.endedAt,
      cancel: head.cancel,
      failure: head.failure,
      unfinished: head.unfinished - 1,
      failed: head.failed + (state === "failed" ? 1 : 0),
    };
    this.justEnded.push(ended);
  }

  fail(task: TaskRun, failure: Failure | null): void {
    this.end(task, "failed", { failure });
  }

  openAttempt(task: TaskRun, attempt: Attempt): void {
    this.put(task, { state: "running", fence: attempt.fence, attempts: [...task.attempts, attempt] });
    this.attempts.push({ task: task.name, attempt });
  }

  /** Ends the open attempt; the task run stays running until a rule moves it on. */
  closeAttempt(task: TaskRun, end: Pick<Attempt, "outcome" | "failure" | "exitCode" | "recording">): TaskRun {
    const open = task.attempts.at(-1);
    invariant(open, `the running task ${task.name} has an attempt`);
    const attempt: Attempt = {
      id: open.id,
      number: open.number,
      fence: open.fence,
      alone: open.alone,
      startedAt: open.startedAt,
      endedAt: this.now,
      outcome: end.outcome,
      failure: end.failure,
      exitCode: end.exitCode,
      recording: end.recording,
    };
    this.attempts.push({ task: task.name, attempt });
    return this.put(task, { attempts: task.attempts.with(-1, attempt) });
  }

  removeAttempt(task: TaskRun): void {
    const open = task.attempts.at(-1);
    invariant(open, `the running task ${task.name} has an attempt`);
    this.givenBack.push(open.id);
    this.put(task, { state: "ready", attempts: task.attempts.slice(0, -1) });
  }

  note(name: string, task: TaskRun | null = null, detail: string | null = null): void {
    this.history.push({
      at: this.now,
      name,
      task: task?.name ?? null,
      attempt: task?.attempts.at(-1)?.number ?? null,
      detail,
    });
  }

  *unfinishedTasks(): Iterable<TaskRun> {
    for (const name of this.run.tasks.keys()) {
      const task = this.task(name);
      if (!isTaskRunEnded(task.state)) yield task;
    }
  }

  /** Undefined when nothing differs. */
  change(): RunChange | undefined {
    if (this.changed.size === 0 && this.head === this.run.head) return undefined;
    return {
      runId: this.run.id,
      workflow: this.run.workflow,
      fromVersion: this.run.version,
      head: this.head,
      tasks: [...this.changed.values()],
      attempts: this.attempts,
      givenBack: this.givenBack,
      history: this.history,
      ended: this.head.endedAt !== null,
    };
  }
}
