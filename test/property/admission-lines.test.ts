import fc from "fast-check";
import { expect, it } from "vitest";
import { overlapKinds } from "../../src/domain/workflow.ts";
import { type Run } from "../../src/domain/run.ts";
import { admissible, type Candidate, candidateOf, createAdmissions } from "../../src/engine/admission.ts";

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant("add"),
        rule: fc.option(fc.integer({ min: 0, max: 1 })),
        atOnce: fc.boolean(),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("end"), pick: fc.nat() }) },
    fc.record({ do: fc.constant("pause"), on: fc.boolean() }),
    fc.record({ do: fc.constant("hold"), on: fc.boolean() }),
  ),
  { maxLength: 40 },
);

const hold = { kind: "disk_low", task: null, message: "too little disk space" } as const;

it("admits at each step exactly what a review of the whole line would admit", () => {
  const limits = fc.option(fc.integer({ min: 1, max: 3 }));
  fc.assert(
    fc.property(steps, limits, fc.constantFrom(...overlapKinds), (plan, limit, overlap) => {
      const told: string[] = [];
      const admissions = createAdmissions((id) => told.push(id));
      const expected: string[] = [];
      const runs = new Map<string, Run>();
      const line = { paused: false, admitted: new Map<string, Candidate>(), queued: new Map<string, Candidate>() };
      let held = false;
      for (const [index, step] of plan.entries()) {
        if ("rule" in step) {
          const run = queuedRun(`run-${String(index).padStart(2, "0")}`, step.rule, limit, overlap);
          runs.set(run.id, run);
          line.queued.set(run.id, candidateOf(run));
          // A run that is created may begin in the same step; then nobody is told.
          if (step.atOnce && admissions.admitAtOnce(run)) told.push(run.id);
          else admissions.add(run);
        } else if ("pick" in step) {
          const unfinished = [...runs.values()];
          const run = unfinished[step.pick % Math.max(unfinished.length, 1)];
          if (!run) continue;
          runs.delete(run.id);
          line.admitted.delete(run.id);
          line.queued.delete(run.id);
          admissions.remove(run);
        } else if (step.do === "pause") {
          line.paused = step.on;
          admissions.setPaused("p/w", step.on);
        } else {
          held = step.on;
          admissions.setHeld(held ? hold : null);
        }
        for (const id of held ? [] : admissible(line)) {
          line.admitted.set(id, line.queued.get(id)!);
          line.queued.delete(id);
          expected.push(id);
        }
        expect(told).toEqual(expected);
      }
    }),
  );
});

/** As much of a run as admission looks at. */
function queuedRun(id: string, rule: number | null, limit: number | null, overlap: Candidate["overlap"]): Run {
  const schedules = ["s0", "s1"].map((name) => ({ name, overlap }));
  return {
    id,
    workflow: "p/w",
    trigger: rule === null ? { kind: "manual" } : { kind: "schedule", schedule: `p/w/s${rule}` },
    head: { state: "queued" },
    snapshot: { definition: { schedules, concurrency: limit } },
  } as unknown as Run;
}

it("takes the overlap of a run from its own schedule, although another's name ends alike", () => {
  const run = {
    ...queuedRun("run-1", null, null, "allow"),
    trigger: { kind: "schedule", schedule: "p/w/2 * * * * *" },
    snapshot: {
      definition: {
        schedules: [
          { name: "*/2 * * * * *", overlap: "queue" },
          { name: "2 * * * * *", overlap: "allow" },
        ],
        concurrency: null,
      },
    },
  } as unknown as Run;
  expect(candidateOf(run).overlap).toBe("allow");
  const other = { ...run, trigger: { kind: "schedule", schedule: "p/w/*/2 * * * * *" } } as unknown as Run;
  expect(candidateOf(other).overlap).toBe("queue");
});
