import fc from "fast-check";
import { expect, it } from "vitest";
import { type Decision, ReadyLine } from "../../../src/engine/ready-line.ts";

it("keeps its order whatever is taken, kept or put in between, however long it grows", () => {
  const visit = fc.array(fc.constantFrom<Decision>("take", "take", "keep", "stop"), { maxLength: 8 });
  const step = fc.oneof(fc.record({ push: fc.integer({ min: 1, max: 2_000 }) }), fc.record({ visit }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (plan) => {
      const line = new ReadyLine();
      let model: string[] = [];
      let last = 0;
      for (const one of plan) {
        if ("push" in one) {
          for (let count = 0; count < one.push; count++) {
            const task = String(++last);
            line.push({ run: "run", task });
            model.push(task);
          }
        } else {
          const decisions = one.visit.values();
          const seen: string[] = [];
          const taken = new Set<string>();
          line.visit(({ task }) => {
            const decision = decisions.next().value ?? "stop";
            seen.push(task);
            if (decision === "take") taken.add(task);
            return decision;
          });
          expect(seen).toEqual(model.slice(0, seen.length));
          model = model.filter((task) => !taken.has(task));
        }
        expect(line.length).toBe(model.length);
      }
      const rest: string[] = [];
      line.visit(({ task }) => (rest.push(task), "take"));
      expect(rest).toEqual(model);
      expect(line.length).toBe(0);
    }),
  );
});
