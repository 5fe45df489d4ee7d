import type { AttemptResult, AttemptSpec, TaskHost } from "../../src/ports/task-host.ts";

/** What became of an attempt: its end, or `givenBack`. */
export type Answer = AttemptResult | "givenBack";

export interface AttemptHandle {
  spec: AttemptSpec;
  started: Promise<void>;
  answer: Promise<Answer>;
  /** The calls of the listener, in order. */
  calls: string[];
}

let lastRun = 0;

export function attemptSpec(change: Partial<AttemptSpec> = {}): AttemptSpec {
  const runId = `run-${++lastRun}`;
  return {
    attemptId: `attempt-${lastRun}`,
    runId,
    workflow: "pack/misbehave",
    task: "ok",
    number: 1,
    package: { name: "pack", version: "1.0.0", digest: "misbehave" },
    env: [],
    command: null,
    isolation: "shared",
    readings: null,
    params: "{}",
    upstream: {},
    plannedAt: 1_700_000_000_000,
    createdAt: 1_700_000_000_000,
    idempotencyKey: `${runId}/ok`,
    timeoutMs: 20_000,
    ...change,
  };
}

export function executeIn(host: TaskHost, spec: AttemptSpec): AttemptHandle {
  const calls: string[] = [];
  let started!: () => void;
  let answer!: (answer: Answer) => void;
  const handle: AttemptHandle = {
    spec,
    calls,
    started: new Promise((resolve) => (started = resolve)),
    answer: new Promise((resolve) => (answer = resolve)),
  };
  host.execute(spec, {
    started() {
      calls.push("started");
      started();
    },
    ended(result) {
      calls.push("ended");
      answer(result);
    },
    givenBack() {
      calls.push("givenBack");
      answer("givenBack");
    },
  });
  return handle;
}

/** The answer of an attempt that must not come back unharmed. */
export async function endOf(handle: AttemptHandle): Promise<AttemptResult> {
  const answer = await handle.answer;
  if (answer === "givenBack") throw new Error("the attempt was given back");
  return answer;
}
