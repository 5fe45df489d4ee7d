import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { advance, apply, type Rules, rules } from "../../src/domain/advance.ts";
import { descendants } from "../../src/domain/graph.ts";
import { newRun } from "../../src/domain/new-run.ts";
import { isRunEnded, isTaskRunEnded, type Run } from "../../src/domain/run.ts";
import { play, snapshots, steps, type Story } from "./run-model.ts";

/** The promises of `advance`, each as what must hold of a story. Throws when it does not. */
const promises = {
  "every run ends"({ run }: Story) {
    expect(isRunEnded(run.head.state)).toBe(true);
    expect(run.head.endedAt).not.toBeNull();
    for (const task of run.tasks.values()) expect(isTaskRunEnded(task.state), task.name).toBe(true);
  },
  "no task starts before its upstream has succeeded"({ outOfOrder }: Story) {
    expect(outOfOrder).toEqual([]);
  },
  "a task succeeds at most once, and never goes on after an end"({ run, successes, changes }: Story) {
    for (const [name, count] of successes) expect(count, name).toBe(1);
    const ended = new Set<string>();
    for (const change of changes) {
      for (const task of change.tasks) {
        expect(ended.has(task.name), task.name).toBe(false);
        if (isTaskRunEnded(task.state)) ended.add(task.name);
      }
    }
    for (const task of run.tasks.values()) {
      expect(task.attempts.filter((attempt) => attempt.outcome === "succeeded").length).toBe(
        task.state === "succeeded" ? 1 : 0,
      );
      for (const attempt of task.attempts) expect(attempt.outcome).not.toBeNull();
    }
  },
  "exactly the descendants of a failed task are skipped"({ run }: Story) {
    const failed = [...run.tasks.values()].filter((task) => task.state === "failed");
    const below = new Set(failed.flatMap((task) => descendants(run.snapshot.graph, task.name)));
    for (const task of run.tasks.values()) {
      if (task.state === "skipped") expect(below.has(task.name), task.name).toBe(true);
      if (below.has(task.name)) expect(["skipped", "cancelled"]).toContain(task.state);
    }
    if (failed.length > 0 && !run.head.cancel) expect(run.head.state).toBe("failed");
  },
  "a task fails only when its attempts are used up, and never has more"({ run }: Story) {
    for (const task of run.tasks.values()) {
      const definition = run.snapshot.tasks.get(task.name)!;
      const counted = task.attempts.filter((attempt) => attempt.outcome !== "interrupted").length;
      expect(counted).toBeLessThanOrEqual(definition.retry.attempts);
      const interrupted = task.attempts.at(-1)?.outcome === "interrupted";
      if (task.state === "failed" && !run.head.cancel && !interrupted) expect(counted).toBe(definition.retry.attempts);
      if (interrupted && task.state === "failed") expect(definition.onInterrupted).toBe("fail");
    }
  },
  "the same events give the same run, and so do the stored changes"(story: Story) {
    const byEvents = fresh(story.run);
    for (const { event, now } of story.events) {
      const change = advance(byEvents, [event], now);
      if (change) apply(byEvents, change);
    }
    expect(byEvents).toEqual(story.run);
    const byChanges = fresh(story.run);
    for (const change of story.changes) apply(byChanges, change);
    expect(byChanges).toEqual(story.run);
  },
  "a task whose upstream have all succeeded is never left blocked"({ run, changes }: Story) {
    const replayed = fresh(run);
    for (const change of changes) {
      apply(replayed, change);
      if (replayed.head.state !== "running") continue;
      for (const task of replayed.tasks.values()) {
        const upstream = replayed.snapshot.graph.upstream.get(task.name) ?? [];
        const open = upstream.filter((name) => replayed.tasks.get(name)?.state !== "succeeded");
        if (task.state === "blocked") expect(open.length, task.name).toBeGreaterThan(0);
      }
    }
  },
};

function fresh(run: Run): Run {
  const { id, snapshot, params, trigger, key, plannedAt, createdAt } = run;
  return newRun({ id, snapshot, params, trigger, key, plannedAt, createdAt }).run;
}

const settings = { numRuns: 400 };

describe("advance", () => {
  for (const [promise, check] of Object.entries(promises)) {
    it(`promises: ${promise}`, () => {
      fc.assert(
        fc.property(snapshots, steps, (frozen, plan) => check(play(frozen, plan))),
        settings,
      );
    });
  }

  it("folds several events into the change that they make one by one", () => {
    fc.assert(
      fc.property(snapshots, steps, fc.integer({ min: 1, max: 7 }), (frozen, plan, size) => {
        const story = play(frozen, plan);
        const oneTime = story.events.map(({ event }) => event);
        const single = fresh(story.run);
        const batched = fresh(story.run);
        for (const event of oneTime) {
          const change = advance(single, [event], 5_000_000);
          if (change) apply(single, change);
        }
        for (let from = 0; from < oneTime.length; from += size) {
          const change = advance(batched, oneTime.slice(from, from + size), 5_000_000);
          if (change) apply(batched, change);
        }
        expect({ ...batched, version: 0 }).toEqual({ ...single, version: 0 });
      }),
      settings,
    );
  });

  it("changes nothing by deciding", () => {
    fc.assert(
      fc.property(snapshots, steps, (frozen, plan) => {
        const { run } = play(frozen, plan);
        const before = structuredClone({ ...run, snapshot: null });
        for (const task of run.tasks.keys())
          advance(
            run,
            [
              { type: "retry_due", task, readyAt: run.tasks.get(task)!.readyAt ?? 0 },
              { type: "cancel", reason: "user" },
            ],
            9_000_000,
          );
        expect({ ...run, snapshot: null }).toEqual(before);
      }),
      { numRuns: 50 },
    );
  });
});

describe("each rule of advance is needed", () => {
  afterEach(() => vi.restoreAllMocks());

  for (const name of Object.keys(rules) as (keyof Rules)[]) {
    it(`a promise breaks without ${name}`, () => {
      // A rule that answers a question answers no; one that acts does nothing.
      vi.spyOn(rules, name as "admit").mockImplementation(() => false);
      const broken = Object.entries(promises).filter(([, check]) => {
        const result = fc.check(
          fc.property(snapshots, steps, (frozen, plan) => check(play(frozen, plan))),
          settings,
        );
        return result.failed;
      });
      expect(broken.map(([promise]) => promise)).not.toEqual([]);
    });
  }
});
