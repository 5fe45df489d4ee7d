import fc from "fast-check";
import { expect, it } from "vitest";
import { apply } from "../../src/domain/advance.ts";
import { impliedTaskRun, isImplied, isImpliedEntry, wholeHistory } from "../../src/domain/implied.ts";
import { newRun } from "../../src/domain/new-run.ts";
import type { Run } from "../../src/domain/run.ts";
import type { HistoryEntry } from "../../src/domain/run-change.ts";
import { play, snapshots, steps } from "./run-model.ts";

/** Every task run that need not be written is told exactly by the others, the run and its attempts. */
function expectImplied(run: Run): void {
  for (const task of run.tasks.values()) {
    if (!isImplied(task)) continue;
    const upstream = run.snapshot.graph.upstream.get(task.name) ?? [];
    const pendingUpstream = upstream.filter((name) => run.tasks.get(name)!.state !== "succeeded").length;
    expect(impliedTaskRun(task.name, { run: run.head, pendingUpstream, attempts: task.attempts })).toEqual(task);
  }
}

it("what a store does not write follows from what it writes, at every step of any run", () => {
  fc.assert(
    fc.property(snapshots, steps, (frozen, plan) => {
      const { changes } = play(frozen, plan);
      const request = { id: "run-1", snapshot: frozen, params: "null", key: null, plannedAt: 0, createdAt: 0 };
      const { run, history } = newRun({ ...request, trigger: { kind: "manual" } });
      const whole: HistoryEntry[] = [...history];
      expectImplied(run);
      const written = new Set<string>();
      for (const change of changes) {
        apply(run, change);
        expectImplied(run);
        whole.push(...change.history);
        const kept = whole.filter((entry) => !isImpliedEntry(entry));
        expect(wholeHistory(run, kept)).toEqual(whole);
        // Rows of before stay right: once a task run has to be written, it has to be for good.
        for (const task of run.tasks.values()) {
          if (written.has(task.name)) expect(isImplied(task)).toBe(false);
          if (!isImplied(task)) written.add(task.name);
        }
      }
    }),
  );
});
