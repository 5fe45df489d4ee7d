import type { Ceiling } from "./ceiling.ts";
import { monotonicMs, pause, percentile } from "./statistics.ts";

/** What the bare program has to do, in the shape that the daemon is given the same work. */
export type Workload = "fanout" | "latency" | "chain" | "join";

/** Tasks written down in one transaction. */
const SUBMITTED_AT_ONCE = 100;

const runId = (index: number) => `run_${String(index).padStart(12, "0")}`;

export const workloads: Record<Workload, (ceiling: Ceiling) => Promise<Record<string, number>>> = {
  /** 10,000 single tasks, written down a hundred at a time and then run: tasks per second in all. */
  async fanout(ceiling) {
    const tasks = 10_000;
    const began = monotonicMs();
    for (let index = 0; index < tasks; index += SUBMITTED_AT_ONCE) {
      await new Promise<void>((resolve) => {
        for (let next = 1; next < SUBMITTED_AT_ONCE; next++) ceiling.insert(runId(index + next), ["noop"], nothing);
        ceiling.insert(runId(index), ["noop"], resolve);
      });
    }
    await new Promise<void>((resolve) => {
      let left = tasks;
      const ended = () => {
        if (--left === 0) resolve();
      };
      for (let index = 0; index < tasks; index++) ceiling.ready(runId(index), "noop", index, ended);
    });
    return { rate: perSecond(tasks, began) };
  },

  /** One task while nothing else goes on, 300 times: from its insertion to its first line. */
  async latency(ceiling) {
    const [warmUp, tasks, betweenMs] = [30, 300, 4];
    const samples: number[] = [];
    for (let index = 0; index < warmUp + tasks; index++) {
      const began = monotonicMs();
      const done = await new Promise<{ began: number }>((resolve) => {
        ceiling.insert(runId(index), ["noop"], () => ceiling.ready(runId(index), "noop", index, resolve));
      });
      if (index >= warmUp) samples.push(done.began - began);
      await pause(betweenMs);
    }
    return { p50: percentile(samples, 50), p99: percentile(samples, 99) };
  },

  /** 1,000 runs of a chain of three, eight at a time: runs per second. */
  async chain(ceiling) {
    const [runs, atOnce] = [1_000, 8];
    let next = 0;
    const runOne = (run: string, n: number) =>
      new Promise<void>((resolve) => {
        ceiling.insert(run, ["a", "b", "c"], () =>
          ceiling.ready(run, "a", n, (a) =>
            ceiling.ready(run, "b", a.output.n, (b) => ceiling.ready(run, "c", b.output.n, () => resolve())),
          ),
        );
      });
    const lane = async () => {
      for (let index = next++; index < runs; index = next++) await runOne(runId(index), index);
    };
    const began = monotonicMs();
    await Promise.all(Array.from({ length: atOnce }, lane));
    return { rate: perSecond(runs, began) };
  },

  /** One run of 1 task, then 1,000, then 1: milliseconds. */
  async join(ceiling) {
    const children = Array.from({ length: 1_000 }, (_, index) => `c${index}`);
    const run = runId(1);
    const began = monotonicMs();
    await new Promise<void>((resolve) => {
      let left = children.length;
      const childEnded = () => {
        if (--left === 0) ceiling.ready(run, "join", 2, () => resolve());
      };
      ceiling.insert(run, ["first", ...children, "join"], () =>
        ceiling.ready(run, "first", 0, () => {
          for (const child of children) ceiling.ready(run, child, 1, childEnded);
        }),
      );
    });
    return { ms: monotonicMs() - began };
  },
};

function perSecond(count: number, began: number): number {
  return (count * 1_000) / (monotonicMs() - began);
}

function nothing(): void {}
