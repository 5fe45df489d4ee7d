import { describe, expect, it } from "vitest";
import { ratioOf, rowOf } from "../../bench/report.ts";

describe("rowOf", () => {
  it("gives the median, the extremes and every repetition", () => {
    expect(rowOf("w1_runs", [{ value: 2_100 }, { value: 1_900 }, { value: 2_500 }])).toEqual({
      value: 2_100,
      unit: "runs/s",
      min: 1_900,
      max: 2_500,
      samples: [2_100, 1_900, 2_500],
      must: 2_000,
      aim: 3_600,
      met: true,
    });
  });

  it("takes the median of each repetition's own ratio, not the ratio of the medians", () => {
    const row = rowOf("w3_chain", [
      { value: 800, ceiling: 1_000 },
      { value: 900, ceiling: 3_000 },
      { value: 1_000, ceiling: 2_000 },
    ]);
    expect(row).toMatchObject({ value: 900, ceiling: 2_000, ratio: 0.5, ratios: [0.8, 0.3, 0.5], met: true });
  });

  it("is met only when value and ratio both are", () => {
    expect(rowOf("w1_fanout", [{ value: 12_000, ceiling: 60_000 }]).met).toBe(false);
    expect(rowOf("w1_fanout", [{ value: 10_000, ceiling: 20_000 }]).met).toBe(false);
    expect(rowOf("w1_fanout", [{ value: 12_000, ceiling: 40_000 }]).met).toBe(true);
  });

  it("is met by a time that is at most what it must be", () => {
    expect(rowOf("w4_join", [{ value: 190 }]).met).toBe(true);
    expect(rowOf("w4_join", [{ value: 191 }]).met).toBe(false);
  });

  it("says nothing of what must not be reached", () => {
    expect(rowOf("w5_idle_pss", [{ value: 90 }])).not.toHaveProperty("met");
  });

  it("refuses a key without an entry", () => {
    expect(() => rowOf("w9_new", [{ value: 1 }])).toThrow("w9_new");
  });
});

describe("ratioOf", () => {
  it("is nearer to 1 the nearer to the ceiling, for rates and times alike", () => {
    expect(ratioOf(10, 40, "more")).toBe(0.25);
    expect(ratioOf(40, 10, "less")).toBe(0.25);
  });
});
