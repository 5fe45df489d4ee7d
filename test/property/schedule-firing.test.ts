import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type FiringQuestion, type PlannedInstants, decideFirings } from "../../src/domain/firing.ts";
import { catchUpKinds, overlapKinds } from "../../src/domain/workflow.ts";
import { schedule } from "../support/schedules.ts";

/** Instants given as a list. */
function listed(instants: readonly number[]): PlannedInstants {
  return {
    next: (after) => instants.find((instant) => instant > after) ?? null,
    count: (after, until) => instants.filter((instant) => instant > after && instant <= until).length,
  };
}

interface Case {
  planned: readonly number[];
  question: FiringQuestion;
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    planned: fc
      .uniqueArray(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 260 })
      .map((instants) => instants.sort((a, b) => a - b)),
    firstIndex: fc.nat(20),
    now: fc.integer({ min: 0, max: 5_500 }),
    absence: fc.option(
      fc.record({ from: fc.constantFrom(-Infinity, 0, 500, 2_500), length: fc.integer({ min: 0, max: 5_000 }) }),
    ),
    workflowPaused: fc.boolean(),
    activeRuns: fc.constantFrom<readonly string[]>([], ["before"], ["before", "and before"]),
    catchUp: fc.record({ kind: fc.constantFrom(...catchUpKinds), max: fc.integer({ min: 1, max: 12 }) }),
    overlap: fc.constantFrom(...overlapKinds),
  })
  .map(({ planned, firstIndex, absence, catchUp, overlap, ...rest }) => ({
    planned,
    question: {
      ...rest,
      schedule: schedule({ catchUp, overlap, nextAt: planned[firstIndex % planned.length]! }),
      instants: listed(planned),
      absence: absence && { from: absence.from, until: Math.max(absence.from, 0) + absence.length },
    },
  }));

/** Asks until nothing is due, as the scheduler does; runs that were started are active afterwards. */
function decideAll(question: FiringQuestion) {
  const plans = [];
  let current = question;
  for (;;) {
    const plan = decideFirings(current);
    plans.push(plan);
    if (plan.nextAt === null || plan.nextAt > question.now) return plans;
    if (plans.length > 100) throw new Error("it does not come to an end");
    const started = plan.firings
      .filter(({ decision }) => decision === "started")
      .map(({ plannedAt }) => `${plannedAt}`);
    current = {
      ...current,
      schedule: { ...current.schedule, nextAt: plan.nextAt },
      activeRuns: [...current.activeRuns, ...started],
    };
  }
}

function dueInstants({ planned, question }: Case): number[] {
  return planned.filter((instant) => instant >= question.schedule.nextAt! && instant <= question.now);
}

function isMissed({ absence }: FiringQuestion, instant: number): boolean {
  return absence !== null && instant >= absence.from && instant <= absence.until;
}

describe("the decision about due instants", () => {
  test("covers every due instant with exactly one record, in planned order, and leaves the first one that is not due", () => {
    fc.assert(
      fc.property(cases, (given) => {
        const plans = decideAll(given.question);
        const left = dueInstants(given);
        for (const firing of plans.flatMap(({ firings }) => firings)) {
          const covered = left.splice(0, firing.count);
          expect(covered).toHaveLength(firing.count);
          expect(covered.at(-1)).toBe(firing.plannedAt);
        }
        expect(left).toEqual([]);
        const { now, schedule: asked, instants } = given.question;
        expect(plans.at(-1)!.nextAt).toBe(asked.nextAt! > now ? asked.nextAt : instants.next(now));
      }),
      { numRuns: 1_000 },
    );
  });

  test("decides nothing when it is asked a second time at the same moment", () => {
    fc.assert(
      fc.property(cases, ({ question }) => {
        const last = decideAll(question).at(-1)!;
        const again = decideFirings({ ...question, schedule: { ...question.schedule, nextAt: last.nextAt } });
        expect(again).toEqual({ firings: [], nextAt: last.nextAt, cancel: [] });
      }),
    );
  });

  test("catches up only instants of the absence, the newest ones and never more than asked for", () => {
    fc.assert(
      fc.property(cases, (given) => {
        fc.pre(!given.question.workflowPaused);
        const { catchUp } = given.question.schedule;
        const firings = decideAll(given.question).flatMap(({ firings }) => firings);
        const missed = dueInstants(given).filter((instant) => isMissed(given.question, instant));
        const keep = { skip: 0, latest: 1, all: catchUp.max }[catchUp.kind];
        const caughtUp = firings.filter(({ late, decision }) => late && decision !== "missed");
        expect(caughtUp.map(({ plannedAt }) => plannedAt)).toEqual(keep === 0 ? [] : missed.slice(-keep));
        const dropped = firings.filter(({ decision }) => decision === "missed");
        expect(dropped.length).toBeLessThanOrEqual(1);
        expect(dropped.reduce((sum, { count }) => sum + count, 0)).toBe(Math.max(0, missed.length - keep));
        for (const firing of firings) expect(firing.late).toBe(isMissed(given.question, firing.plannedAt));
      }),
    );
  });

  test("starts nothing for a paused workflow and says why in one record", () => {
    fc.assert(
      fc.property(cases, (given) => {
        const plan = decideFirings({ ...given.question, workflowPaused: true });
        const due = dueInstants(given);
        expect(plan.cancel).toEqual([]);
        expect(plan.firings.map(({ decision, reason, count }) => [decision, reason, count])).toEqual(
          due.length === 0 ? [] : [["skipped", "workflow_paused", due.length]],
        );
      }),
    );
  });

  test("lets no run start beside another one of its schedule when overlap is skip, except those that catch up", () => {
    fc.assert(
      fc.property(cases, ({ question }) => {
        const asked = { ...question, schedule: { ...question.schedule, overlap: "skip" as const } };
        const plans = decideAll(asked);
        const started = plans.flatMap(({ firings }) => firings).filter(({ decision }) => decision === "started");
        if (asked.activeRuns.length > 0) expect(started).toEqual([]);
        expect(started.filter(({ late }) => !late).length).toBeLessThanOrEqual(1);
        expect(plans.flatMap(({ cancel }) => cancel)).toEqual([]);
      }),
    );
  });

  test("creates no run that the same plan would cancel, and cancels those from before exactly when one takes their place", () => {
    fc.assert(
      fc.property(cases, ({ question }) => {
        const asked = { ...question, schedule: { ...question.schedule, overlap: "cancel_previous" as const } };
        const plan = decideFirings(asked);
        const started = plan.firings.filter(({ decision }) => decision === "started");
        const lastRegular = plan.firings.findLastIndex(({ late }) => !late);
        expect(plan.firings.slice(0, Math.max(0, lastRegular)).every(({ decision }) => decision !== "started")).toBe(
          true,
        );
        expect(plan.cancel).toEqual(started.length > 0 ? asked.activeRuns : []);
      }),
    );
  });

  test("starts every instant that is neither missed nor paused when overlap is allow or queue", () => {
    fc.assert(
      fc.property(cases, fc.constantFrom("allow" as const, "queue" as const), (given, overlap) => {
        fc.pre(!given.question.workflowPaused);
        const asked = { ...given.question, schedule: { ...given.question.schedule, overlap } };
        const firings = decideAll(asked).flatMap(({ firings }) => firings);
        const started = firings.filter(({ decision, late }) => decision === "started" && !late);
        expect(started.map(({ plannedAt }) => plannedAt)).toEqual(
          dueInstants(given).filter((instant) => !isMissed(asked, instant)),
        );
      }),
    );
  });
});

test("a schedule that is paused, or whose package is not there, has nothing due", () => {
  const instants = listed([1, 2, 3]);
  const rest = { instants, now: 10, absence: null, workflowPaused: false, activeRuns: [] };
  for (const change of [{ state: "paused" as const }, { present: false }, { nextAt: null }]) {
    expect(decideFirings({ ...rest, schedule: schedule({ nextAt: 1, ...change }) }).firings).toEqual([]);
  }
});

test("after a very long block one plan stays small and says where the next one begins", () => {
  const planned = Array.from({ length: 1_000 }, (_, index) => index + 1);
  const plan = decideFirings({
    schedule: schedule({ nextAt: 1, overlap: "allow" }),
    instants: listed(planned),
    now: 1_000,
    absence: null,
    workflowPaused: false,
    activeRuns: [],
  });
  expect(plan.firings).toHaveLength(100);
  expect(plan.nextAt).toBe(101);
});

test("a year of missed seconds is decided with a few hundred questions to the calendar", () => {
  const year = 366 * 86_400_000;
  let questions = 0;
  const instants: PlannedInstants = {
    next: (after) => (questions++, (Math.floor(after / 1_000) + 1) * 1_000),
    count: (after, until) => (questions++, Math.floor(until / 1_000) - Math.floor(after / 1_000)),
  };
  const plan = decideFirings({
    schedule: schedule({ nextAt: 1_000, catchUp: { kind: "all", max: 10 }, overlap: "allow" }),
    instants,
    now: year,
    absence: { from: -Infinity, until: year },
    workflowPaused: false,
    activeRuns: [],
  });
  expect(plan.firings.map(({ decision, count }) => [decision, count])).toEqual([
    ["missed", year / 1_000 - 10],
    ...Array.from({ length: 10 }, () => ["started", 1]),
  ]);
  expect(questions).toBeLessThan(300);
});
