import { type Absence, isWaiting } from "../domain/firing.ts";
import { rightNextAt } from "../domain/next-instant.ts";
import type { Schedule } from "../domain/schedule.ts";
import type { ScheduleId } from "../domain/workflow.ts";
import { type Clock, type ClockStep, createStepWatch, isoTime } from "../kernel/clock.ts";
import { CascadeError } from "../kernel/errors.ts";
import { createService, type Service } from "../kernel/service.ts";
import type { Alarm } from "../ports/alarm.ts";
import { fire, type FiringContext } from "./fire.ts";

export interface SchedulerOptions extends FiringContext {
  alarm: Alarm;
  clock: Clock;
  /** Told within half a minute. */
  onClockStep(step: ClockStep): void;
}

/** Next instants that did not fit their rules, the clock and the zone data. */
export interface Correction {
  at: number;
  schedules: readonly ScheduleId[];
  /** The step of the clock after which they were looked at; null at the start. */
  step: ClockStep | null;
}

/** Starts the runs of all schedules when they are due. The stored next instants are the truth; the alarm only wakes it. */
export interface Scheduler extends Service {
  /** Settles what was missed while the daemon was away; everything due by now counts as that. Resolves when it is durable. */
  start(): Promise<void>;
  /** Reads the schedules again, after the registry has changed them. */
  refresh(): Promise<void>;
  /** As last known, those without their package too. */
  schedules(): readonly Schedule[];
  /** The last one of this life. */
  correction(): Correction | null;
  /** Nothing of the time in which it is paused ever fires. Rejects with `SCHEDULE_UNKNOWN`. */
  pauseSchedule(id: ScheduleId): Promise<Schedule>;
  /** Counts from now. Rejects with `SCHEDULE_UNKNOWN`. */
  resumeSchedule(id: ScheduleId): Promise<Schedule>;
  /** Fires nothing more: what becomes due is left to the next start as missed. */
  drain(): void;
}

/** No timer is trusted for longer: a host that slept, or whose clock was set, has other ideas about what is due. */
const LOOK_EVERY_MS = 30_000;
/** Three looks left out in a row: the host slept or the process was stopped. What was due meanwhile is missed, not late. */
const ABSENT_AFTER_MS = 90_000;

/** A store may refuse a change as stale because it lost a race of its own; it is asked again this often. */
const STALE_TRIES = 10;

export function createScheduler(options: SchedulerOptions): Scheduler {
  const { store, writer, calendar, alarm, clock, logger } = options;
  const schedules = new Map<ScheduleId, Schedule>();
  const firing = new Map<ScheduleId, Promise<void>>();
  /** Schedules that could not be settled; left alone until the next regular look. */
  const held = new Set<ScheduleId>();
  let absence: Absence | null = null;
  let lastLookAt = -Infinity;
  let started = false;
  let ended = false;
  let arming = false;
  let reading = Promise.resolve();
  const lookForStep = createStepWatch(clock);
  let correction: Correction | null = null;
  let callOffLook = (): void => undefined;

  function isDue(schedule: Schedule | undefined, now: number): schedule is Schedule {
    return schedule !== undefined && isWaiting(schedule) && schedule.nextAt! <= now;
  }

  /** Settles whatever is due; resolves when that is durable. The changes of all schedules go down together. */
  async function look(): Promise<void> {
    const now = clock.now();
    if (now - lastLookAt > ABSENT_AFTER_MS) absence = { from: lastLookAt, until: now };
    // The clock was set back: what comes again of the absence finds the daemon awake.
    if (now < lastLookAt && absence && absence.until >= now) absence = { from: absence.from, until: now - 1 };
    lastLookAt = now;
    for (const schedule of schedules.values()) {
      if (ended || !isDue(schedule, now) || firing.has(schedule.id) || held.has(schedule.id)) continue;
      const settled = settle(schedule.id).finally(() => {
        firing.delete(schedule.id);
        armSoon();
      });
      firing.set(schedule.id, settled);
    }
    arm();
    await Promise.all(firing.values());
  }

  async function settle(id: ScheduleId): Promise<void> {
    let refusals = 0;
    for (;;) {
      const now = clock.now();
      const schedule = schedules.get(id);
      if (ended || !isDue(schedule, now)) return;
      try {
        const result = await fire(options, schedule, now, absence);
        if (result.kind === "stale") {
          await read();
          if (++refusals === STALE_TRIES) throw new Error("the store refuses the firing as stale again and again");
        } else if (schedules.get(id)?.nextAt === schedule.nextAt) {
          replace(id, { nextAt: result.nextAt });
        }
      } catch (error) {
        if (!ended) {
          const fields = { event: "schedule.failed", workflow: schedule.workflow, schedule: id, err: error };
          logger.error(fields, "due instants could not be settled; tried again within 30 seconds");
        }
        held.add(id);
        return;
      }
    }
  }

  /** Holds every stored next instant against its rule, the clock and the zone data. Resolves when what was wrong is put right. */
  async function checkInstants(step: ClockStep | null): Promise<void> {
    const corrected: ScheduleId[] = [];
    const checks = [...schedules.values()].map(async (schedule) => {
      if (ended || !schedule.present || schedule.state !== "active" || firing.has(schedule.id)) return;
      if (await correct(schedule)) corrected.push(schedule.id);
    });
    await Promise.all(checks);
    if (corrected.length > 0) correction = { at: clock.now(), schedules: corrected, step };
    arm();
  }

  /** True when the stored instant was another one than it should be. */
  async function correct(schedule: Schedule): Promise<boolean> {
    const { id, cron, timezone, nextAt, workflow } = schedule;
    const now = clock.now();
    const instants = {
      next: (after: number) => calendar.next(cron, timezone, after),
      count: (after: number, until: number) => calendar.count(cron, timezone, after, until),
    };
    try {
      if (rightNextAt(nextAt, now, instants, []) === nextAt) return false;
      const decided = await store.firingsBetween(id, now, nextAt ?? Number.MAX_SAFE_INTEGER);
      const right = rightNextAt(nextAt, now, instants, decided);
      if (right === nextAt || schedules.get(id)?.nextAt !== nextAt) return false;
      const move = {
        type: "fire",
        schedule: id,
        expectedNextAt: nextAt,
        nextAt: right,
        firings: [],
        runs: [],
      } as const;
      if (!(await writer.submit(move)).ok) return false;
      if (schedules.get(id)?.nextAt === nextAt) replace(id, { nextAt: right });
      const shown = (instant: number | null) => (instant === null ? "never" : isoTime(instant));
      logger.warn(
        { event: "schedule.corrected", workflow, schedule: id, from: shown(nextAt), to: shown(right) },
        `its next instant did not fit its rule and the clock: ${shown(right)} instead of ${shown(nextAt)}`,
      );
      return true;
    } catch (error) {
      if (!ended) logger.error({ event: "schedule.failed", workflow, schedule: id, err: error }, "not checked");
      return false;
    }
  }

  /** Sets the alarm for the earliest instant that nobody works on. */
  function arm(): void {
    if (!started || ended) return;
    let earliest = Infinity;
    for (const schedule of schedules.values()) {
      if (!isWaiting(schedule) || firing.has(schedule.id) || held.has(schedule.id)) continue;
      earliest = Math.min(earliest, schedule.nextAt!);
    }
    if (earliest === Infinity) alarm.clear();
    else alarm.set(earliest, () => void look());
  }

  /** A thousand schedules of one second are gone through once, not once each. */
  function armSoon(): void {
    if (arming) return;
    arming = true;
    setImmediate(() => {
      arming = false;
      arm();
    });
  }

  function lookRegularly(): void {
    callOffLook = clock.after(LOOK_EVERY_MS, () => {
      held.clear();
      const step = lookForStep();
      void look().then(() => (step && !ended ? checkInstants(step) : undefined));
      if (step) stepped(step);
      lookRegularly();
    });
  }

  function stepped(step: ClockStep): void {
    logger.warn({ event: "clock.stepped", ...step }, `the clock was set ${shownStep(step)}, or the host slept`);
    options.onClockStep(step);
  }

  /** One reading after the other, so that an older answer never replaces a newer one. */
  function read(): Promise<void> {
    const next = reading.then(async () => {
      const stored = await store.schedules();
      schedules.clear();
      for (const schedule of stored) schedules.set(schedule.id, schedule);
    });
    reading = next.catch(() => undefined);
    return next;
  }

  function known(id: ScheduleId): Schedule {
    const schedule = schedules.get(id);
    if (!schedule) throw new CascadeError("SCHEDULE_UNKNOWN", `there is no schedule ${id}`);
    return schedule;
  }

  function replace(id: ScheduleId, change: Partial<Schedule>): Schedule {
    const schedule = { ...known(id), ...change };
    schedules.set(id, schedule);
    return schedule;
  }

  async function setState(id: ScheduleId, state: Schedule["state"], nextAt: number | null): Promise<Schedule> {
    const name = state === "paused" ? "schedule.paused" : "schedule.resumed";
    const audit = { at: clock.now(), name, subject: id, data: {} };
    const change = { type: "set_schedule_state", schedule: id, state, nextAt, audit } as const;
    let verdict = await writer.submit(change);
    for (let tries = 1; !verdict.ok && verdict.refusal === "stale" && tries < STALE_TRIES; tries++) {
      verdict = await writer.submit(change);
    }
    if (!verdict.ok) throw new CascadeError("SCHEDULE_UNKNOWN", `there is no schedule ${id}`);
    const schedule = replace(id, { state, nextAt });
    logger.info({ event: name, workflow: schedule.workflow, schedule: id }, `schedule ${state}`);
    arm();
    return schedule;
  }

  function drain(): void {
    ended = true;
    alarm.clear();
    callOffLook();
  }

  const service = createService(
    async () => {
      await read();
      await look();
      await checkInstants(null);
      started = true;
      arm();
      if (!ended) lookRegularly();
    },
    async () => {
      drain();
      await Promise.all(firing.values());
    },
  );

  return {
    ...service,
    async refresh() {
      await read();
      arm();
    },
    schedules: () => [...schedules.values()],
    correction: () => correction,
    async pauseSchedule(id) {
      const schedule = known(id);
      return schedule.state === "paused" ? schedule : setState(id, "paused", null);
    },
    async resumeSchedule(id) {
      const schedule = known(id);
      if (schedule.state === "active") return schedule;
      // Without its package it counts from when that is loaded again.
      const nextAt = schedule.present ? calendar.next(schedule.cron, schedule.timezone, clock.now()) : null;
      return setState(id, "active", nextAt);
    },
    drain,
  };
}

/** `back by 3600 s`. */
export function shownStep({ by }: ClockStep): string {
  return `${by < 0 ? "back" : "forward"} by ${Math.round(Math.abs(by) / 1_000)} s`;
}
