import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { admissible, type Candidate, holdsOf } from "../../src/engine/admission.ts";
import { overlapKinds } from "../../src/domain/workflow.ts";

const candidates = fc
  .array(
    fc.record({
      schedule: fc.constantFrom(null, "p/w/s1", "p/w/s2"),
      overlap: fc.constantFrom(...overlapKinds),
      admitted: fc.boolean(),
    }),
    { maxLength: 12 },
  )
  .chain((plans) =>
    fc.record({
      paused: fc.boolean(),
      limit: fc.option(fc.integer({ min: 1, max: 4 })),
      plans: fc.constant(plans),
    }),
  );

function lineOf({ paused, limit, plans }: typeof candidates extends fc.Arbitrary<infer Value> ? Value : never) {
  const admitted = new Map<string, Candidate>();
  const queued = new Map<string, Candidate>();
  plans.forEach(({ schedule, overlap, admitted: isAdmitted }, index) => {
    const candidate: Candidate = { id: `run-${String(index).padStart(2, "0")}`, schedule, overlap, limit };
    (isAdmitted ? admitted : queued).set(candidate.id, candidate);
  });
  return { paused, admitted, queued };
}

describe("admission", () => {
  it("keeps to the workflow's limit, and admits all it may", () => {
    fc.assert(
      fc.property(candidates, (plan) => {
        const line = lineOf(plan);
        const chosen = admissible(line);
        if (plan.limit !== null && chosen.length > 0) {
          expect(line.admitted.size + chosen.length).toBeLessThanOrEqual(plan.limit);
        }
        // Who is left has a reason, and asking again at once admits nobody.
        const after = { ...line, admitted: new Map(line.admitted), queued: new Map(line.queued) };
        for (const id of chosen) {
          after.admitted.set(id, line.queued.get(id)!);
          after.queued.delete(id);
        }
        expect(admissible(after)).toEqual([]);
        for (const candidate of after.queued.values()) expect(holdsOf(after, candidate)).not.toEqual([]);
      }),
    );
  });

  it("admits nobody of a paused workflow", () => {
    fc.assert(fc.property(candidates, (plan) => admissible(lineOf({ ...plan, paused: true })).length === 0));
  });

  it("lets runs of one schedule follow one another in order unless it allows overlap", () => {
    fc.assert(
      fc.property(candidates, (plan) => {
        const line = lineOf(plan);
        const chosen = new Set(admissible(line));
        for (const { id, schedule, overlap } of line.queued.values()) {
          if (!chosen.has(id) || schedule === null || overlap === "allow") continue;
          const others = [...line.admitted.values(), ...line.queued.values()].filter(
            (other) => other.schedule === schedule,
          );
          for (const other of others) {
            if (line.admitted.has(other.id)) expect.fail(`${id} began beside ${other.id}`);
            if (other.id < id) expect(chosen.has(other.id) || other.id === id).toBe(false);
          }
        }
      }),
    );
  });

  it("prefers the oldest", () => {
    fc.assert(
      fc.property(candidates, (plan) => {
        const chosen = admissible(lineOf(plan));
        expect([...chosen].sort()).toEqual(chosen);
      }),
    );
  });
});
