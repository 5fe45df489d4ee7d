import type { Run, RunId, TaskRun } from "../domain/run.ts";
import type { ScheduleId } from "../domain/workflow.ts";
import { type Clock, type ClockStep, spanBetween } from "../kernel/clock.ts";
import type { CrashPoint } from "../kernel/crash-points.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { Ids } from "../kernel/ids.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Events } from "../ports/events.ts";
import type { Life, Store } from "../ports/store.ts";
import type { TaskHost } from "../ports/task-host.ts";
import { createAdmissions } from "./admission.ts";
import { attemptSpec } from "./attempt-spec.ts";
import { createBatcher } from "./batcher.ts";
import { createDeadlines } from "./deadlines.ts";
import { createDispatcher } from "./dispatcher.ts";
import type { Engine } from "./engine.ts";
import { publishChange } from "./publish.ts";
import { recover } from "./recover.ts";
import { type Committed, createRunBook } from "./run-book.ts";
import { createSealer, type SealRun, type SealStart } from "./sealer.ts";
import { createRunStarter } from "./start-run.ts";

export interface EngineOptions {
  store: Store;
  host: TaskHost;
  clock: Clock;
  ids: Ids;
  /** 0 to below 1; for the jitter of retries. */
  random(): number;
  sealRun: SealRun;
  sealStart: SealStart;
  events: Events;
  logger: Logger;
  crashPoint: CrashPoint;
  /** Limit of an attempt whose task has none of its own. */
  taskTimeoutMs: number;
  /** From each step to the next when the daemon ends attempts: abort, TERM, KILL. */
  killAfterMs: number;
  /** A run has ended and its proof is stored. */
  onRunEnded(run: Run): void;
  /** That a run was started is stored as a statement. */
  onStartLogged(run: Run): void;
  /** Storage failed for good; nothing will be written any more. */
  onFatal(error: CascadeError): void;
}

const SUSPICION_MS = 600_000;

/** Three unclean ends within ten minutes. When a life ended uncleanly is known only by the start of the next one. */
function diesAgainAndAgain(lives: readonly Life[], now: number): boolean {
  const [last, second, third] = lives;
  if (!last || !second || !third) return false;
  return [last, second, third].every(({ endedAt }) => endedAt === null) && now - second.startedAt <= SUSPICION_MS;
}

export function createEngine(options: EngineOptions): Engine {
  const { store, host, clock, ids, logger, crashPoint, events } = options;
  const bySchedule = new Map<ScheduleId, Set<RunId>>();
  const sealer = createSealer(store, options.sealRun);
  const deadlines = createDeadlines(clock);
  let steps: readonly ClockStep[] = [];
  let draining = false;
  let stopped = false;
  let diskLack: string | null = null;
  let refusing: CascadeError | null = null;

  const batcher = createBatcher({
    store,
    clock,
    logger,
    async contribute() {
      dispatcher.claim();
      return book.contribute();
    },
    onRefusing(reason) {
      refusing = reason;
      if (refusing && stopped) batcher.close();
    },
    onFatal: options.onFatal,
  });

  const book = createRunBook({
    store,
    clock,
    logger,
    wake: batcher.wake,
    claimFresh: (run, ready) => dispatcher.claimFresh(run, ready),
    seal: (run, change) => sealer.seal(run, change),
    unseal: (run) => sealer.forget(run.workflow),
    onCommitted,
    onReread: track,
  });

  const dispatcher = createDispatcher({
    host,
    clock,
    newAttemptId: () => ids.next(),
    run: (id) => book.get(id),
    post: (id, event, done) => book.post(id, event, done),
    execute,
  });

  const admissions = createAdmissions((id) => book.post(id, { type: "admit" }));

  function onCommitted({ run, change, before }: Committed): void {
    if (change.attempts.some(({ attempt }) => attempt.outcome !== null)) crashPoint("settle-committed");
    for (const task of change.tasks) {
      if (task.state === "ready") dispatcher.offer(run, task.name);
      else if (task.state === "waiting") awaitRetry(run.id, task);
    }
    if (run.head.cancel && !before.cancel) {
      for (const task of run.tasks.values()) if (task.state === "running") host.cancel(task.attempts.at(-1)!.id);
    }
    if (run.head.state === "running" && before.state === "queued") awaitRunTimeout(run);
    if (change.ended) onEnded(run);
    publishLater(() => publishChange(events, { run, change, before }, clock.now()));
  }

  /** Tells in order what is durable, after the attempts of the same batch are on their way: those are waited for. */
  const untold: (() => void)[] = [];
  function publishLater(publish: () => void): void {
    // The task host writes in a microtask of its own, which may be asked for only after this one.
    if (untold.push(publish) === 1) queueMicrotask(() => queueMicrotask(tell));
  }
  function tell(): void {
    for (const publish of untold.splice(0)) publish();
  }

  function onEnded(run: Run): void {
    admissions.remove(run);
    if (run.trigger.kind === "schedule") {
      const active = bySchedule.get(run.trigger.schedule);
      active?.delete(run.id);
      if (active?.size === 0) bySchedule.delete(run.trigger.schedule);
    }
    const { state, endedAt, failure } = run.head;
    const fields = {
      event: "run.ended",
      package: run.package.name,
      workflow: run.workflow,
      runId: run.id,
      durationMs: (endedAt ?? 0) - run.createdAt,
    };
    if (state === "failed") logger.warn({ ...fields, err: failure }, `run failed: ${failure?.message ?? "no reason"}`);
    else logger.info(fields, `run ${state}`);
    crashPoint("run-ended");
    options.onRunEnded(run);
  }

  function remember(run: Run): void {
    if (run.trigger.kind !== "schedule") return;
    const active = bySchedule.get(run.trigger.schedule) ?? new Set();
    bySchedule.set(run.trigger.schedule, active.add(run.id));
  }

  /** Puts a run that is not known here, or was read again, where its state belongs. */
  function track(run: Run): void {
    admissions.add(run);
    remember(run);
    if (run.head.state !== "running") return;
    awaitRunTimeout(run);
    for (const task of run.tasks.values()) {
      if (task.state === "ready") dispatcher.offer(run, task.name);
      else if (task.state === "waiting") awaitRetry(run.id, task);
    }
    batcher.wake();
  }

  /** What is left of a span that began at an instant, maybe in a former life. */
  function left(spanMs: number, since: number): number {
    return spanMs - spanBetween(since, clock.now(), steps);
  }

  function awaitRetry(run: RunId, { name: task, readyAt, attempts }: TaskRun): void {
    if (readyAt === null) return;
    const decidedAt = attempts.at(-1)?.endedAt ?? readyAt;
    deadlines.add(left(readyAt - decidedAt, decidedAt), () => book.post(run, { type: "retry_due", task, readyAt }));
  }

  function awaitRunTimeout(run: Run): void {
    const { timeoutMs } = run.snapshot.definition;
    if (timeoutMs === null || run.head.startedAt === null) return;
    deadlines.add(left(timeoutMs, run.head.startedAt), () => book.post(run.id, { type: "cancel", reason: "timeout" }));
  }

  function execute(run: Run, name: string): void {
    const task = run.tasks.get(name)!;
    const { fence } = task;
    // It was claimed and cancelled in one batch: nothing of it has begun.
    if (run.head.cancel || draining) {
      dispatcher.ended(run, name);
      return book.post(run.id, { type: "give_back", task: name, fence });
    }
    crashPoint("attempt-committed");
    const spec = attemptSpec(run, task, options.taskTimeoutMs);
    host.execute(spec, {
      started() {
        logger.debug(
          { event: "attempt.started", workflow: run.workflow, runId: run.id, task: name, attempt: spec.number },
          "attempt started",
        );
      },
      ended({ readings, ...end }) {
        dispatcher.ended(run, name);
        const jitter = options.random();
        book.post(run.id, { type: "settle", task: name, fence, ...end, recording: readings, jitter });
      },
      givenBack() {
        dispatcher.ended(run, name);
        book.post(run.id, { type: "give_back", task: name, fence });
      },
    });
  }

  let attemptsEnded: Promise<void> | undefined;
  function endAttempts(how: "in_steps" | "at_once"): Promise<void> {
    if (attemptsEnded && how === "at_once") void host.stop(0);
    attemptsEnded ??= (async () => {
      draining = true;
      stopped = true;
      dispatcher.close();
      await host.stop(how === "at_once" ? 0 : options.killAfterMs);
      for (const run of book.all()) {
        for (const task of run.tasks.values()) {
          if (task.state === "running")
            book.post(run.id, { type: "interrupt", task: task.name, fence: task.fence, unclean: false });
        }
      }
      // What storage does not take now is settled by the next start.
      if (refusing) batcher.close();
      await batcher.idle();
    })();
    return attemptsEnded;
  }

  const starter = createRunStarter({
    writer: batcher,
    clock,
    ids,
    admissions,
    dispatcher,
    sealStart: options.sealStart,
    crashPoint,
    onCreated,
  });

  function onCreated(run: Run, begun?: Committed): void {
    book.add(run);
    const { id: runId, workflow, createdAt: at } = run;
    publishLater(() => events.publish({ name: "run.changed", runId, workflow, state: "queued", at }));
    remember(run);
    if (begun) onCommitted(begun);
    else track(run);
    if (run.startDigest !== null) options.onStartLogged(run);
  }

  return {
    submit: (change) => batcher.submit(change),

    async start(formerLives) {
      steps = await store.clockSteps();
      for (const { id, pausedAt } of await store.workflows()) if (pausedAt !== null) admissions.setPaused(id, true);
      host.onRoom(batcher.wake);
      if (diesAgainAndAgain(formerLives, clock.now())) dispatcher.suspect();
      await recover({ store, book, formerLives, idle: () => batcher.idle(), track, logger });
      dispatcher.open();
      batcher.wake();
    },

    async startRuns(requests) {
      if (draining) throw new CascadeError("DAEMON_DRAINING", "the daemon is stopping");
      if (diskLack !== null)
        throw new CascadeError("DISK_LOW", `too little room is left on the disk to start runs: ${diskLack}`);
      return starter.start(requests);
    },

    newRun: starter.create,
    started(runs) {
      for (const { run } of runs) onCreated(run);
    },

    async cancel(id, reason) {
      if (!book.get(id)) return false;
      await new Promise<void>((resolve) => book.post(id, { type: "cancel", reason }, resolve));
      return true;
    },

    activeRuns(schedule) {
      return [...(bySchedule.get(schedule) ?? [])];
    },

    setPaused(workflow, paused) {
      admissions.setPaused(workflow, paused);
    },

    isPaused: (workflow) => admissions.isPaused(workflow),

    async clockStepped(step) {
      steps = [...steps, step];
      await batcher.submit({ type: "clock_stepped", step });
    },

    setDiskLow(lack) {
      if (lack === diskLack) return;
      diskLack = lack;
      const message = `too little room is left on the disk (${lack}); runs begin again when there is more`;
      admissions.setHeld(lack === null ? null : { kind: "disk_low", task: null, message });
    },

    storageRefuses: () => refusing,

    holds(id) {
      const run = book.get(id);
      if (!run) return [];
      const holds = [
        ...admissions.holds(run),
        ...[...run.tasks.values()].flatMap((task) => dispatcher.holds(run, task)),
      ];
      if (refusing) {
        const kind = refusing.code === "STORE_FULL" ? "storage_full" : "storage_busy";
        holds.unshift({ kind, task: null, message: `${refusing.message}; it goes on by itself` });
      }
      return holds;
    },

    counts() {
      const counts = { queued: 0, running: 0, waiting: 0 };
      for (const run of book.all()) {
        if (run.head.state === "queued") counts.queued++;
        else counts.running++;
        for (const task of run.tasks.values()) {
          if (task.state !== "waiting") continue;
          counts.waiting++;
          break;
        }
      }
      return counts;
    },

    async drain(timeoutMs) {
      draining = true;
      dispatcher.close();
      admissions.setHeld({
        kind: "draining",
        task: null,
        message: "the daemon is stopping; it begins after the restart",
      });
      host.drain();
      const end = clock.elapsed() + timeoutMs;
      const left = () => Math.max(end - clock.elapsed(), 1);
      while (host.running() > 0 && clock.elapsed() < end && !stopped) {
        await new Promise<void>((resolve) => clock.after(Math.min(20, left()), resolve));
      }
      // A full disk keeps the last changes waiting.
      await new Promise<void>((resolve) => {
        const callOff = clock.after(left(), resolve);
        void batcher.idle().then(callOff).then(resolve);
      });
    },

    endAttempts,

    async stop() {
      await endAttempts("in_steps");
      deadlines.close();
      batcher.close();
    },

    async beat() {
      await new Promise<void>((resolve) => setImmediate(resolve));
      return !stopped;
    },
  };
}
