import { describe, expect, it } from "vitest";
import { floors, judge, NOISE_MAX, TAKES_MAX } from "../../bench/gate.ts";
import { targets } from "../../bench/targets.ts";

describe("judge", () => {
  it("passes at the floor and above it", () => {
    expect(judge(0.25, [0.25, 0.25, 0.25], 1)).toMatchObject({ kind: "passed", ratio: 0.25, noise: 0 });
    expect(judge(0.25, [0.4, 0.5, 0.6], 1).kind).toBe("passed");
  });

  it("fails just below the floor when there is no noise", () => {
    expect(judge(0.25, [0.249, 0.249, 0.249], 1)).toMatchObject({ kind: "failed", noise: 0 });
  });

  it("takes half the width of the middle half as noise, relative to the median", () => {
    // Quartiles 0.22 and 0.26 of 0.2, 0.22, 0.24, 0.26, 0.28.
    expect(judge(0.25, [0.28, 0.2, 0.24, 0.22, 0.26], 1).noise).toBeCloseTo(0.02 / 0.24, 10);
  });

  it("does not let one repetition of five change the noise without bound", () => {
    const calm = judge(0.25, [0.24, 0.245, 0.25, 0.255, 0.26], 1);
    const oneOff = judge(0.25, [0.01, 0.245, 0.25, 0.255, 0.26], 1);
    expect(oneOff.noise).toBeCloseTo(calm.noise, 10);
    expect(oneOff.ratio).toBe(calm.ratio);
  });

  it("excuses a shortfall by the noise and no more", () => {
    const ratios = (middle: number) => [middle * 0.9, middle * 0.9, middle, middle * 1.1, middle * 1.1];
    const noise = judge(1, ratios(1), 1).noise;
    expect(noise).toBeCloseTo(0.1, 10);
    expect(judge(1, ratios(0.901), 1).kind).toBe("passed");
    expect(judge(1, ratios(0.899), 1).kind).toBe("failed");
  });

  it("counts at most a fifth as noise", () => {
    const wide = (noise: number) => [0.5, 1 - noise, 1, 1 + noise, 1.5].map((share) => share * 0.79);
    expect(judge(1, wide(0.199), 1).kind).toBe("failed");
    expect(judge(0.95, wide(0.199), 1).kind).toBe("passed");
    expect(judge(0.95, wide(0.201), 1).kind).toBe("again");
  });

  it("asks for another take when there is more noise than that, whatever the median", () => {
    const noisy = [0.2, 0.5, 1, 1.5, 1.8];
    for (let take = 1; take < TAKES_MAX; take++) expect(judge(0.01, noisy, take).kind).toBe("again");
  });

  it("fails on noise at the last take, even above the floor", () => {
    const verdict = judge(0.01, [0.2, 0.5, 1, 1.5, 1.8], TAKES_MAX);
    expect(verdict.kind).toBe("failed");
    expect(verdict.noise).toBeGreaterThan(NOISE_MAX);
    expect(verdict.reason).toContain(`${TAKES_MAX} times`);
  });

  it("never passes without a number", () => {
    expect(judge(0.25, [], TAKES_MAX).kind).toBe("failed");
    expect(judge(0.25, [0, 0, 0], TAKES_MAX).kind).toBe("failed");
  });
});

describe("floors", () => {
  it("are the least shares that the targets ask for, or stricter", () => {
    for (const [key, floor] of Object.entries(floors)) {
      expect(targets[key], key).toBeDefined();
      expect(floor).toBeGreaterThanOrEqual(targets[key]!.mustRatio ?? 0);
    }
  });
});
