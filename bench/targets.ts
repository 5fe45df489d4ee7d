/** What a number means, and what it has to reach on two processors with four task hosts. */
export interface Target {
  unit: string;
  better: "more" | "less";
  must?: number;
  aim?: number;
  /** The share of the ceiling. */
  mustRatio?: number;
  aimRatio?: number;
}

export const targets: Readonly<Record<string, Target>> = {
  w1_fanout: { unit: "tasks/s", better: "more", must: 11_000, aim: 22_000, mustRatio: 0.25, aimRatio: 0.5 },
  w1_runs: { unit: "runs/s", better: "more", must: 2_000, aim: 3_600 },
  w1_runs_files: { unit: "s", better: "less" },
  w2_latency: { unit: "ms", better: "less", must: 1.1, aim: 0.8 },
  w2_latency_p99: { unit: "ms", better: "less", must: 6, aim: 4 },
  w3_chain: { unit: "runs/s", better: "more", must: 780, aim: 1_470, mustRatio: 0.26, aimRatio: 0.5 },
  w4_join: { unit: "ms", better: "less", must: 190, aim: 75 },
};
