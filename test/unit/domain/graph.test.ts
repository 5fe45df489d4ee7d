import { describe, expect, it } from "vitest";
import { descendants, findCycle, graphOf } from "../../../src/domain/graph.ts";
import { retryDelay } from "../../../src/domain/retry.ts";
import { noRetry } from "../../../src/domain/workflow.ts";

const graph = (edges: Record<string, string[]>) =>
  graphOf(Object.entries(edges).map(([name, after]) => ({ name, after })));

describe("a graph", () => {
  it("names one circle along its tasks", () => {
    expect(findCycle(graph({ a: [], b: ["a", "d"], c: ["b"], d: ["c"] }))).toEqual(["b", "c", "d", "b"]);
    expect(findCycle(graph({ a: ["a"] }))).toEqual(["a", "a"]);
    expect(findCycle(graph({ a: [], b: ["a"], c: ["a"], d: ["b", "c"] }))).toBeUndefined();
  });

  it("of a hundred thousand tasks in a row does not exhaust the stack", () => {
    const tasks = Array.from({ length: 100_000 }, (_, index) => ({
      name: `t${index}`,
      after: index ? [`t${index - 1}`] : [],
    }));
    expect(findCycle(graphOf(tasks))).toBeUndefined();
    expect(descendants(graphOf(tasks), "t0").length).toBe(99_999);
  });

  it("gives every descendant once, nearest first", () => {
    expect(descendants(graph({ a: [], b: ["a"], c: ["a"], d: ["b", "c"], e: [] }), "a")).toEqual(["b", "c", "d"]);
  });
});

describe("the wait before a retry", () => {
  const policy = { ...noRetry, delayMs: 1_000, maxDelayMs: 10_000, jitter: 0 };

  it("doubles up to its cap when exponential, and stays when fixed", () => {
    expect([1, 2, 3, 4, 5, 99].map((count) => retryDelay(policy, count, 0))).toEqual([
      1_000, 2_000, 4_000, 8_000, 10_000, 10_000,
    ]);
    expect([1, 2, 9].map((count) => retryDelay({ ...policy, backoff: "fixed" }, count, 0))).toEqual([
      1_000, 1_000, 1_000,
    ]);
  });

  it("is shortened by its random share only", () => {
    const jittered = { ...policy, jitter: 0.2 };
    expect(retryDelay(jittered, 1, 0)).toBe(1_000);
    expect(retryDelay(jittered, 1, 0.999999)).toBeGreaterThanOrEqual(800);
  });
});
