import fc from "fast-check";
import { advance, apply } from "../../src/domain/advance.ts";
import { newRun } from "../../src/domain/new-run.ts";
import { isRunEnded, type Outcome, type Run } from "../../src/domain/run.ts";
import type { RunChange, RunEvent } from "../../src/domain/run-change.ts";
import type { Snapshot } from "../../src/domain/snapshot.ts";
import { noRetry } from "../../src/domain/workflow.ts";
import { snapshot, task } from "../support/definitions.ts";

/** Random graphs without circles: a task only names earlier ones. */
export const snapshots: fc.Arbitrary<Snapshot> = fc
  .array(
    fc.record({
      after: fc.array(fc.nat(20), { maxLength: 3 }),
      attempts: fc.integer({ min: 1, max: 3 }),
      onInterrupted: fc.constantFrom("retry" as const, "fail" as const),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((plans) =>
    snapshot(
      plans.map((plan, index) =>
        task(`t${index}`, {
          after: [...new Set(plan.after.filter((other) => other < index).map((other) => `t${other}`))],
          retry: { ...noRetry, attempts: plan.attempts, delayMs: 100 },
          onInterrupted: plan.onInterrupted,
        }),
      ),
    ),
  );

/** What the world does at one moment; the picks choose among what is possible then. */
export interface Step {
  kind: "claim" | "settle" | "give_back" | "interrupt" | "duplicate" | "wait" | "cancel";
  pick: number;
  outcome: Exclude<Outcome, "interrupted">;
  unclean: boolean;
}

export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    kind: fc.oneof(
      { weight: 6, arbitrary: fc.constant("claim" as const) },
      { weight: 6, arbitrary: fc.constant("settle" as const) },
      { weight: 1, arbitrary: fc.constantFrom("give_back" as const, "interrupt" as const, "wait" as const) },
      { weight: 2, arbitrary: fc.constant("duplicate" as const) },
      { weight: 1, arbitrary: fc.constant("cancel" as const) },
    ),
    pick: fc.nat(100),
    outcome: fc.constantFrom<Step["outcome"]>("succeeded", "succeeded", "failed", "timed_out", "crashed", "cancelled"),
    unclean: fc.boolean(),
  }),
  { maxLength: 60 },
);

/** What a driver saw: every event it gave, every change that came of one, and how often each task's code began or succeeded. */
export interface Story {
  run: Run;
  events: { event: RunEvent; now: number }[];
  changes: RunChange[];
  successes: Map<string, number>;
  /** Claims made while some upstream task had not succeeded. */
  outOfOrder: string[];
}

/** Plays random steps, then a quiet world in which everything that can happen does happen, but nothing new goes wrong. */
export function play(frozen: Snapshot, plan: readonly Step[]): Story {
  const { run } = newRun({
    id: "run-1",
    snapshot: frozen,
    params: "null",
    trigger: { kind: "manual" },
    key: null,
    plannedAt: 0,
    createdAt: 0,
  });
  const story: Story = { run, events: [], changes: [], successes: new Map(), outOfOrder: [] };
  let now = 1_000;
  const settled: RunEvent[] = [];
  /** Attempts in some host. One that was given back or cut off answers no more. */
  const alive = new Map<string, { task: string; fence: number }>();
  let cancelled = false;

  const give = (event: RunEvent): void => {
    story.events.push({ event, now });
    const change = advance(run, [event], now);
    if (!change) return;
    for (const next of change.tasks) {
      if (next.state !== "succeeded" || run.tasks.get(next.name)?.attempts === next.attempts) continue;
      story.successes.set(next.name, (story.successes.get(next.name) ?? 0) + 1);
    }
    apply(run, change);
    story.changes.push(change);
  };
  const inState = (state: string) => [...run.tasks.values()].filter((candidate) => candidate.state === state);
  const choose = <Item>(items: readonly Item[], pick: number) => items[pick % Math.max(items.length, 1)];
  const claim = (pick: number): void => {
    // A dispatcher claims nothing for a run that is being cancelled.
    if (cancelled) return;
    const chosen = choose(inState("ready"), pick);
    if (!chosen) return;
    const upstream = frozen.graph.upstream.get(chosen.name) ?? [];
    if (upstream.some((name) => run.tasks.get(name)?.state !== "succeeded")) story.outOfOrder.push(chosen.name);
    give({ type: "claim", task: chosen.name, attemptId: `a${story.events.length}`, alone: false });
    const claimed = run.tasks.get(chosen.name)!;
    if (claimed.state === "running") alive.set(chosen.name, { task: chosen.name, fence: claimed.fence });
  };
  const settle = (pick: number, outcome: Step["outcome"]): void => {
    const chosen = choose([...alive.values()], pick);
    if (!chosen) return;
    alive.delete(chosen.task);
    const event: RunEvent = {
      type: "settle",
      ...chosen,
      outcome,
      output: outcome === "succeeded" ? { kind: "inline", json: "1" } : null,
      failure: outcome === "succeeded" ? null : { code: "TASK_FAILED", message: "no", hint: "" },
      exitCode: null,
      recording: null,
      jitter: 0.5,
    };
    settled.push(event);
    give(event);
  };
  const fireTimers = (): void => {
    now += 400_000;
    for (const waiting of inState("waiting"))
      give({ type: "retry_due", task: waiting.name, readyAt: waiting.readyAt! });
  };

  give({ type: "admit" });
  for (const step of plan) {
    now++;
    const running = choose([...alive.values()], step.pick);
    switch (step.kind) {
      case "claim":
        claim(step.pick);
        break;
      case "settle":
        settle(step.pick, step.outcome);
        break;
      case "give_back":
        if (running && alive.delete(running.task)) give({ type: "give_back", ...running });
        break;
      case "interrupt":
        if (running && alive.delete(running.task)) give({ type: "interrupt", ...running, unclean: step.unclean });
        break;
      case "duplicate": {
        const again = choose(settled, step.pick);
        if (again) give(again);
        break;
      }
      case "wait":
        fireTimers();
        break;
      case "cancel":
        cancelled = true;
        give({ type: "cancel", reason: "user" });
        break;
    }
  }
  for (let quiet = 0; quiet < 200 && !isRunEnded(run.head.state); quiet++) {
    claim(0);
    settle(0, cancelled ? "cancelled" : "succeeded");
    fireTimers();
  }
  return story;
}
