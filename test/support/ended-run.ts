import { advance, apply } from "../../src/domain/advance.ts";
import { newRun, type RunRequest } from "../../src/domain/new-run.ts";
import type { Output, Run } from "../../src/domain/run.ts";
import type { RunEvent } from "../../src/domain/run-change.ts";
import type { Snapshot } from "../../src/domain/snapshot.ts";
import type { Digest } from "../../src/kernel/digest.ts";
import type { StatementFacts } from "../../src/domain/statement.ts";

/** 2026-03-01T23:59:58Z: two seconds before a day ends. */
const endedRunStart = Date.UTC(2026, 2, 1, 23, 59, 58);

/** Plays a run to its end, 100 ms an event: a task succeeds with the output given for it, and fails without one. */
export function endedRun(
  snapshot: Snapshot,
  outputs: Readonly<Record<string, Output>>,
  change: Partial<RunRequest> = {},
  recordings: Readonly<Record<string, Digest>> = {},
): Run {
  const { run } = newRun({
    id: "01890a5d-ac96-774b-bcce-b302099a8057",
    snapshot,
    params: '{"date": "2026-03-01"}',
    trigger: { kind: "manual" },
    key: null,
    plannedAt: endedRunStart,
    createdAt: endedRunStart,
    ...change,
  });
  let now = endedRunStart;
  const give = (event: RunEvent) => {
    const next = advance(run, [event], (now += 100));
    if (next) apply(run, next);
  };
  give({ type: "admit" });
  for (;;) {
    const ready = [...run.tasks.values()].find(({ state }) => state === "ready");
    if (!ready) break;
    give({ type: "claim", task: ready.name, attemptId: `attempt-of-${ready.name}`, alone: false });
    const output = outputs[ready.name];
    give({
      type: "settle",
      task: ready.name,
      fence: ready.fence + 1,
      outcome: output ? "succeeded" : "failed",
      output: output ?? null,
      failure: output ? null : { code: "TASK_FAILED", message: "it did not work", hint: "", stack: "at home" },
      exitCode: null,
      recording: recordings[ready.name] ?? null,
      jitter: 0,
    });
  }
  return run;
}

export function inline(value: unknown): Output {
  return { kind: "inline", json: JSON.stringify(value) };
}

export function statementFacts(change: Partial<StatementFacts> = {}): StatementFacts {
  return {
    runNumber: 1,
    previousProof: null,
    builderId: "urn:cascade:engine:test",
    admission: { digest: null, unsigned: true },
    versions: { cascade: "0.1.0", node: "20.20.2", platform: "linux-x64" },
    ...change,
  };
}
