import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createCalendar } from "../../src/adapters/time/calendar.ts";
import { openStore } from "../../src/adapters/sqlite/store.ts";
import type { Change, NewRun } from "../../src/domain/change.ts";
import { newRun } from "../../src/domain/new-run.ts";
import type { RunId } from "../../src/domain/run.ts";
import type { Firing, Schedule } from "../../src/domain/schedule.ts";
import { createBatcher } from "../../src/engine/batcher.ts";
import type { ClockStep } from "../../src/kernel/clock.ts";
import { type CrashPointName, noCrashPoint } from "../../src/kernel/crash-points.ts";
import { CascadeError } from "../../src/kernel/errors.ts";
import { createIds } from "../../src/kernel/ids.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { Store } from "../../src/ports/store.ts";
import type { RunStarter } from "../../src/scheduling/run-starter.ts";
import { createScheduler } from "../../src/scheduling/scheduler.ts";
import { snapshot, task } from "../support/definitions.ts";
import { eventually } from "../support/eventually.ts";
import { createFakeAlarm } from "../support/fake-alarm.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { schedule } from "../support/schedules.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { createUnrulyStore } from "../support/unruly-store.ts";

const START = Date.UTC(2026, 0, 1, 12, 0, 30);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const frozen = snapshot([task("a")]);
const calendar = createCalendar();

interface HouseOptions {
  silentAlarm?: boolean;
  wrap?: (store: Store) => Store;
}

/** A scheduler over a real database, with runs that end when the test says so. */
async function openHouse(options: HouseOptions = {}) {
  const clock = createFakeClock(START);
  const sqlite = openStore({ file: join(tempFolder(), "cascade.db"), now: START, crashPoint: noCrashPoint });
  onTestFinished(() => sqlite.close());
  const store = options.wrap?.(sqlite) ?? sqlite;
  const changes: Change[] = [];
  const batches: number[] = [];
  const batcher = createBatcher({
    store: {
      commit(batch) {
        changes.push(...batch);
        batches.push(batch.length);
        return store.commit(batch);
      },
    },
    clock,
    logger: silentLogger,
    contribute: async () => [],
    onRefusing: () => undefined,
    onFatal: (error) => expect.fail(error.message),
  });
  onTestFinished(() => batcher.close());

  async function serve(schedules: readonly Schedule[]): Promise<void> {
    const { package: identity, env, definition, code, digest } = frozen;
    const content = { package: identity, env, definition, code };
    const workflows = [{ id: "pack/flow", snapshot: digest, content, present: true, pausedAt: null }];
    const served = [{ name: "pack", active: identity, workflows, schedules }];
    const change = { at: clock.now(), files: [], gone: [], packages: [], statements: [], served };
    expect(await sqlite.commit([{ type: "registry", change, audit: [] }])).toEqual([{ ok: true }]);
  }

  async function firings(id = "pack/flow/each-minute"): Promise<Firing[]> {
    return [...(await sqlite.firings(id, 10_000))].reverse();
  }
  return { clock, store, sqlite, batcher, changes, batches, serve, firings, silentAlarm: options.silentAlarm ?? false };
}

type House = Awaited<ReturnType<typeof openHouse>>;

/** One life of the daemon, as far as schedules are concerned. */
function createLife(house: House) {
  const { clock, store, batcher } = house;
  const ids = createIds(clock.now, (size) => crypto.getRandomValues(new Uint8Array(size)));
  const active: NewRun[] = [];
  const cancelled: RunId[] = [];
  const passed: CrashPointName[] = [];
  const steps: ClockStep[] = [];
  let paused = false;
  let refusal: Error | undefined;
  let calendarFails = false;
  const runs: RunStarter = {
    async newRun(_workflow, { params, ...rest }) {
      if (refusal) throw refusal;
      const request = { id: ids.next(), snapshot: frozen, params: JSON.stringify(params), key: null };
      return newRun({ ...request, ...rest, createdAt: clock.now() });
    },
    started: (started) => void active.push(...started),
    activeRuns: (id) =>
      active.flatMap(({ run }) => (run.trigger.kind === "schedule" && run.trigger.schedule === id ? run.id : [])),
    isPaused: () => paused,
    cancel: async (run) => void cancelled.push(run),
  };
  const alarm = createFakeAlarm(clock, { silent: house.silentAlarm });
  const scheduler = createScheduler({
    calendar: {
      ...calendar,
      next(...rule) {
        if (calendarFails) throw new Error("the calendar is out of order");
        return calendar.next(...rule);
      },
    },
    runs,
    writer: batcher,
    store,
    alarm,
    clock,
    onClockStep: (step) => void steps.push(step),
    logger: silentLogger,
    crashPoint: (name) => void passed.push(name),
  });
  onTestFinished(() => scheduler.stop());
  return {
    scheduler,
    alarm,
    steps,
    active,
    cancelled,
    passed,
    endRuns: () => void active.splice(0),
    setPaused: (value: boolean) => void (paused = value),
    failCalendar: (value: boolean) => void (calendarFails = value),
    refuseRuns: (error: Error | undefined) => void (refusal = error),
  };
}

async function startLife(house: House) {
  const life = createLife(house);
  await life.scheduler.start();
  return life;
}

/** Moves the clock in steps that let the batches of each minute go down. */
async function pass(clock: FakeClock, ms: number, step = 10_000): Promise<void> {
  for (let passed = 0; passed < ms; passed += step) await clock.advance(Math.min(step, ms - passed));
}

function nextMinute(): number {
  return calendar.next("* * * * *", "UTC", START)!;
}

const brief = (firings: readonly Firing[]) =>
  firings.map(({ plannedAt, decision, late, count, reason }) => {
    const time = new Date(plannedAt).toISOString().slice(11, 19);
    return [time, decision, ...(late ? ["late"] : []), ...(count > 1 ? [count] : []), ...(reason ? [reason] : [])].join(
      " ",
    );
  });

describe("a due schedule", () => {
  test("starts one run for each planned instant and stores the next one with it", async () => {
    const house = await openHouse();
    await house.serve([schedule({ nextAt: nextMinute(), overlap: "allow", params: { n: 7 } })]);
    const life = await startLife(house);
    await pass(house.clock, 3 * MINUTE);
    await eventually(async () =>
      expect(brief(await house.firings())).toEqual(["12:01:00 started", "12:02:00 started", "12:03:00 started"]),
    );
    const [first] = await house.firings();
    const run = (await house.store.loadRun(first!.runId!))!;
    expect(run.plannedAt).toBe(first!.plannedAt);
    expect(run.params).toBe('{"n":7}');
    expect(run.trigger).toEqual({ kind: "schedule", schedule: "pack/flow/each-minute", late: false });
    expect((await house.store.schedules())[0]!.nextAt).toBe(Date.UTC(2026, 0, 1, 12, 4));
    expect(life.active.map(({ run: { id } }) => id)).toContain(first!.runId);
    expect(life.passed).toEqual(["firing-committed", "firing-committed", "firing-committed"]);
  });

  test("fires within thirty seconds when the alarm never rings", async () => {
    const house = await openHouse({ silentAlarm: true });
    await house.serve([schedule({ nextAt: nextMinute() })]);
    await startLife(house);
    await pass(house.clock, MINUTE);
    await eventually(async () => expect(brief(await house.firings())).toEqual(["12:01:00 started"]));
  });

  test("is fired in one batch with a thousand others of the same second", async () => {
    const house = await openHouse();
    const many = Array.from({ length: 1_000 }, (_, index) =>
      schedule({ id: `pack/flow/s${index}`, name: `s${index}`, nextAt: nextMinute() }),
    );
    await house.serve(many);
    const life = await startLife(house);
    await house.clock.advance(MINUTE);
    await eventually(() => expect(life.active).toHaveLength(1_000));
    expect(house.batches.length).toBeLessThanOrEqual(2);
  });

  test("does not fire an instant again when the clock is set back", async () => {
    const house = await openHouse();
    await house.serve([schedule({ nextAt: nextMinute(), overlap: "allow" })]);
    await startLife(house);
    await pass(house.clock, MINUTE);
    await eventually(async () => expect(await house.firings()).toHaveLength(1));
    house.clock.jump(-2 * MINUTE);
    await pass(house.clock, 3 * MINUTE);
    await eventually(async () =>
      expect(brief(await house.firings())).toEqual(["12:01:00 started", "12:02:00 started"]),
    );
  });

  test("goes on from the instants that are decided already when it was counted anew on a clock set back", async () => {
    const house = await openHouse();
    await house.serve([schedule({ nextAt: nextMinute(), overlap: "allow" })]);
    const life = await startLife(house);
    await pass(house.clock, MINUTE);
    await eventually(async () => expect(await house.firings()).toHaveLength(1));
    house.clock.jump(-2 * MINUTE);
    await life.scheduler.pauseSchedule("pack/flow/each-minute");
    await life.scheduler.resumeSchedule("pack/flow/each-minute");
    await pass(house.clock, 3 * MINUTE);
    await eventually(async () =>
      expect(brief(await house.firings())).toEqual(["12:00:00 started", "12:01:00 started", "12:02:00 started"]),
    );
  });

  test("goes on within a minute when the clock was a year ahead and is put right", async () => {
    const house = await openHouse();
    const year = 365 * 24 * HOUR;
    house.clock.jump(year);
    await house.serve([schedule({ nextAt: nextMinute() + year, overlap: "allow" })]);
    const life = await startLife(house);
    house.clock.jump(-year);
    await pass(house.clock, MINUTE);
    expect(life.steps).toMatchObject([{ by: -year }]);
    expect(life.scheduler.correction()).toMatchObject({ schedules: ["pack/flow/each-minute"], step: { by: -year } });
    await pass(house.clock, 2 * MINUTE);
    await eventually(async () =>
      expect(brief(await house.firings())).toEqual(["12:02:00 started", "12:03:00 started"]),
    );
  });

  test("is counted anew at the start when what is stored does not fit the rule and the clock", async () => {
    const house = await openHouse();
    // A year ahead, between two instants as after another zone rule, and none at all.
    const stored = [nextMinute() + 365 * 24 * HOUR, nextMinute() + 7_000, null];
    const wrong = stored.map((nextAt, index) => schedule({ id: `pack/flow/s${index}`, name: `s${index}`, nextAt }));
    const right = schedule({
      id: "pack/flow/right",
      name: "right",
      cron: "0 2 * * *",
      nextAt: Date.UTC(2026, 0, 2, 2),
    });
    await house.serve([right, ...wrong]);
    const life = await startLife(house);
    expect(life.scheduler.schedules().map(({ nextAt }) => nextAt)).toEqual([
      Date.UTC(2026, 0, 2, 2),
      nextMinute(),
      nextMinute(),
      nextMinute(),
    ]);
    expect(life.scheduler.correction()!.schedules).toEqual(["pack/flow/s0", "pack/flow/s1", "pack/flow/s2"]);
    expect((await house.store.schedules()).filter(({ nextAt }) => nextAt === nextMinute())).toHaveLength(3);
  });

  test("waits for its turn and fires when the store loses races of its own", async () => {
    const house = await openHouse({ wrap: (store) => createUnrulyStore(store, 5) });
    await house.serve([schedule({ nextAt: nextMinute(), overlap: "allow" })]);
    await startLife(house);
    await pass(house.clock, 10 * MINUTE);
    await eventually(async () => {
      await house.clock.advance(1);
      expect((await house.firings()).filter(({ decision }) => decision === "started")).toHaveLength(10);
    });
    const planned = (await house.firings()).map(({ plannedAt }) => plannedAt);
    expect(new Set(planned).size).toBe(planned.length);
  });

  test("is skipped with the reason, and goes on, when no run can be made of its workflow", async () => {
    const house = await openHouse();
    await house.serve([schedule({ nextAt: nextMinute(), overlap: "allow" })]);
    const life = await startLife(house);
    life.refuseRuns(new Error("no such workflow"));
    await pass(house.clock, MINUTE);
    await eventually(async () => expect(await house.firings()).toHaveLength(1));
    life.refuseRuns(undefined);
    await pass(house.clock, MINUTE);
    await eventually(async () =>
      expect(brief(await house.firings())).toEqual(["12:01:00 skipped run_refused", "12:02:00 started"]),
    );
  });

  test("is not skipped because nobody can sign that its run is started, but settled later", async () => {
    const house = await openHouse();
    await house.serve([schedule({ nextAt: nextMinute() })]);
    const life = await startLife(house);
    life.refuseRuns(new CascadeError("SIGNER_FAILED", "the signer does not answer"));
    await pass(house.clock, 40_000);
    expect(await house.firings()).toEqual([]);
    life.refuseRuns(undefined);
    await pass(house.clock, 30_000);
    await eventually(async () => expect(brief(await house.firings())[0]).toBe("12:01:00 started"));
  });

  test("is settled with all its instants within thirty seconds after the cause of a failure is gone", async () => {
    const house = await openHouse();
    await house.serve([schedule({ nextAt: nextMinute(), overlap: "allow" })]);
    const life = await startLife(house);
    life.failCalendar(true);
    await pass(house.clock, 5 * MINUTE);
    expect(await house.firings()).toEqual([]);
    life.failCalendar(false);
    await pass(house.clock, 30_000);
    await eventually(async () =>
      expect((await house.firings()).map(({ decision, late }) => [decision, late])).toEqual(
        Array.from({ length: 6 }, () => ["started", false]),
      ),
    );
  });

  test("does not stop others when its own rule cannot be computed any more", async () => {
    const house = await openHouse();
    const broken = schedule({ id: "pack/flow/broken", name: "broken", cron: "not a rule", nextAt: nextMinute() });
    await house.serve([broken, schedule({ nextAt: nextMinute(), overlap: "allow" })]);
    await startLife(house);
    await pass(house.clock, 2 * MINUTE);
    await eventually(async () => expect(await house.firings()).toHaveLength(2));
    expect(await house.firings("pack/flow/broken")).toEqual([]);
    expect((await house.store.schedules()).find(({ id }) => id === "pack/flow/broken")!.nextAt).toBe(nextMinute());
  });
});

describe("instants missed while the daemon was away", () => {
  async function restartAfter(change: Partial<Schedule>, away: number) {
    const house = await openHouse();
    await house.serve([schedule({ nextAt: nextMinute(), ...change })]);
    const former = await startLife(house);
    await former.scheduler.stop();
    house.clock.jump(away);
    const life = await startLife(house);
    return { house, life };
  }

  test("are settled before start resolves: the latest runs, marked late, and the others are one record", async () => {
    const { house, life } = await restartAfter({}, 5 * MINUTE);
    expect(brief(await house.firings())).toEqual(["12:04:00 missed late 4 catch_up_latest", "12:05:00 started late"]);
    expect(life.active[0]!.run.trigger).toMatchObject({ late: true });
    expect(life.alarm.instant()).toBe(Date.UTC(2026, 0, 1, 12, 6));
  });

  test("are only recorded with catch-up skip", async () => {
    const { house } = await restartAfter({ catchUp: { kind: "skip", max: 10 } }, 5 * MINUTE);
    expect(brief(await house.firings())).toEqual(["12:05:00 missed late 5 catch_up_skip"]);
  });

  test("run up to the newest max with catch-up all, also when overlap is skip", async () => {
    const { house } = await restartAfter({ catchUp: { kind: "all", max: 2 } }, 5 * MINUTE);
    expect(brief(await house.firings())).toEqual([
      "12:03:00 missed late 3 catch_up_max",
      "12:04:00 started late",
      "12:05:00 started late",
    ]);
  });

  test("are settled once: a second start right after changes nothing", async () => {
    const { house } = await restartAfter({}, 5 * MINUTE);
    const before = await house.firings();
    await startLife(house);
    expect(await house.firings()).toEqual(before);
  });

  test("are counted quickly when a rule for every second was away for a year", async () => {
    const everySecond = { cron: "* * * * * *", nextAt: START + 1_000 };
    const started = performance.now();
    const { house } = await restartAfter(everySecond, 365 * 24 * HOUR);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect((await house.firings()).map(({ count }) => count)).toEqual([365 * 86_400 - 1, 1]);
  });

  test("are those of the time between drain and the next start, too", async () => {
    const house = await openHouse();
    await house.serve([schedule({ nextAt: nextMinute() })]);
    const former = await startLife(house);
    former.scheduler.drain();
    await pass(house.clock, 3 * MINUTE);
    expect(await house.firings()).toEqual([]);
    await former.scheduler.stop();
    await startLife(house);
    expect(brief(await house.firings())).toEqual(["12:02:00 missed late 2 catch_up_latest", "12:03:00 started late"]);
  });

  test("are those of a night in which the host slept", async () => {
    const house = await openHouse();
    await house.serve([schedule({ cron: "0 * * * *", nextAt: Date.UTC(2026, 0, 1, 13), overlap: "allow" })]);
    await startLife(house);
    house.clock.jump(8 * HOUR);
    await pass(house.clock, MINUTE);
    await eventually(async () =>
      expect(brief(await house.firings())).toEqual(["19:00:00 missed late 7 catch_up_latest", "20:00:00 started late"]),
    );
  });

  test("are none of the instants that a busy event loop only delayed", async () => {
    const house = await openHouse();
    await house.serve([schedule({ cron: "*/10 * * * * *", nextAt: START + 10_000, overlap: "allow" })]);
    await startLife(house);
    house.clock.jump(45_000);
    await pass(house.clock, 30_000);
    await eventually(async () => expect((await house.firings()).length).toBeGreaterThanOrEqual(7));
    for (const firing of await house.firings()) expect(firing).toMatchObject({ decision: "started", late: false });
  });
});

describe("overlap", () => {
  async function runTwice(overlap: Schedule["overlap"]) {
    const house = await openHouse();
    await house.serve([schedule({ nextAt: nextMinute(), overlap })]);
    const life = await startLife(house);
    await pass(house.clock, 2 * MINUTE);
    await eventually(async () => expect(await house.firings()).toHaveLength(2));
    return { firings: await house.firings(), ...life, house };
  }

  test("skip records a firing that came while the previous run was active, and starts again when it has ended", async () => {
    const { firings, active, endRuns, house } = await runTwice("skip");
    expect(brief(firings)).toEqual(["12:01:00 started", "12:02:00 skipped overlap"]);
    expect(active).toHaveLength(1);
    endRuns();
    await pass(house.clock, MINUTE);
    await eventually(() => expect(active).toHaveLength(1));
  });

  test.each(["queue", "allow"] as const)("%s creates a run for each firing", async (overlap) => {
    const { firings, active, cancelled } = await runTwice(overlap);
    expect(brief(firings)).toEqual(["12:01:00 started", "12:02:00 started"]);
    expect(active).toHaveLength(2);
    expect(cancelled).toEqual([]);
  });

  test("cancel_previous cancels the run before once the new one is durable", async () => {
    const { firings, cancelled } = await runTwice("cancel_previous");
    expect(brief(firings)).toEqual(["12:01:00 started", "12:02:00 started"]);
    expect(cancelled).toEqual([firings[0]!.runId]);
  });
});

describe("pause", () => {
  test("of a schedule: nothing fires for the time it was paused, and it counts from the moment it is resumed", async () => {
    const house = await openHouse();
    await house.serve([schedule({ nextAt: nextMinute(), overlap: "allow", catchUp: { kind: "all", max: 10 } })]);
    const life = await startLife(house);
    const paused = await life.scheduler.pauseSchedule("pack/flow/each-minute");
    expect(paused).toMatchObject({ state: "paused", nextAt: null });
    expect((await house.store.schedules())[0]).toEqual(paused);
    await pass(house.clock, 5 * MINUTE);
    expect(await house.firings()).toEqual([]);
    const resumed = await life.scheduler.resumeSchedule("pack/flow/each-minute");
    expect(resumed).toMatchObject({ state: "active", nextAt: Date.UTC(2026, 0, 1, 12, 6) });
    await pass(house.clock, MINUTE);
    await eventually(async () => expect(brief(await house.firings())).toEqual(["12:06:00 started"]));
    expect((await house.store.audit(10)).map(({ name }) => name)).toEqual(["schedule.resumed", "schedule.paused"]);
  });

  test("of a schedule lasts over a restart of the daemon", async () => {
    const house = await openHouse();
    await house.serve([schedule({ nextAt: nextMinute() })]);
    const former = await startLife(house);
    await former.scheduler.pauseSchedule("pack/flow/each-minute");
    await former.scheduler.stop();
    house.clock.jump(HOUR);
    const life = await startLife(house);
    expect(await house.firings()).toEqual([]);
    expect(life.alarm.instant()).toBeNull();
  });

  test("of a workflow: its instants are skipped and say why", async () => {
    const house = await openHouse();
    await house.serve([schedule({ nextAt: nextMinute() })]);
    const life = await startLife(house);
    life.setPaused(true);
    await pass(house.clock, 2 * MINUTE);
    life.setPaused(false);
    await pass(house.clock, MINUTE);
    await eventually(async () =>
      expect(brief(await house.firings())).toEqual([
        "12:01:00 skipped workflow_paused",
        "12:02:00 skipped workflow_paused",
        "12:03:00 started",
      ]),
    );
  });

  test("of a schedule nobody knows is an error", async () => {
    const house = await openHouse();
    const life = await startLife(house);
    await expect(life.scheduler.pauseSchedule("pack/flow/none")).rejects.toMatchObject({ code: "SCHEDULE_UNKNOWN" });
    await expect(life.scheduler.resumeSchedule("pack/flow/none")).rejects.toMatchObject({ code: "SCHEDULE_UNKNOWN" });
  });
});

describe("when the registry changes", () => {
  test("new schedules fire after a refresh, and those of unloaded packages no more", async () => {
    const house = await openHouse();
    await house.serve([schedule({ nextAt: nextMinute(), overlap: "allow" })]);
    const life = await startLife(house);
    await pass(house.clock, MINUTE);
    await eventually(async () => expect(await house.firings()).toHaveLength(1));
    const other = schedule({ id: "pack/flow/other", name: "other", nextAt: Date.UTC(2026, 0, 1, 12, 2) });
    await house.serve([other]);
    await life.scheduler.refresh();
    await pass(house.clock, 2 * MINUTE);
    await eventually(async () => expect(await house.firings("pack/flow/other")).toHaveLength(2));
    expect(await house.firings()).toHaveLength(1);
  });

  test("a change that the scheduler has not read yet wins over a firing decided from the old state", async () => {
    const house = await openHouse();
    await house.serve([schedule({ nextAt: nextMinute(), overlap: "allow" })]);
    const life = await startLife(house);
    const later = Date.UTC(2026, 0, 1, 12, 3);
    await house.serve([schedule({ cron: "*/3 * * * *", nextAt: later, overlap: "allow" })]);
    await pass(house.clock, 3 * MINUTE);
    await eventually(async () => expect(brief(await house.firings())).toEqual(["12:03:00 started"]));
    expect(life.scheduler.schedules()[0]!.cron).toBe("*/3 * * * *");
  });
});
