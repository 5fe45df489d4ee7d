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
  w5_idle: { unit: "MB", better: "less", must: 80, aim: 65 },
  w5_idle_cpu: { unit: "%", better: "less", must: 0.2, aim: 0.05 },
  w5_idle_pss: { unit: "MB", better: "less" },
  w6_start: { unit: "ms", better: "less", must: 250, aim: 150 },
  w6_start_first: { unit: "ms", better: "less" },
  w6_start_full: { unit: "ms", better: "less", must: 1_500, aim: 600 },
  drop: { unit: "ms", better: "less", must: 40, aim: 15 },
  drop_p99: { unit: "ms", better: "less", must: 120, aim: 40 },
  drop_1000: { unit: "s", better: "less", must: 15, aim: 5 },
  cron: { unit: "ms", better: "less", must: 100, aim: 20 },
  cron_first_line: { unit: "ms", better: "less", must: 1_000, aim: 300 },
  cron_packages: { unit: "ms", better: "less", must: 100, aim: 20 },
  cron_packages_last: { unit: "ms", better: "less", must: 6_000, aim: 4_000 },
  cron_packages_starved: { unit: "ms", better: "less", must: 1_000 },
  proof_cpu: { unit: "ms/run", better: "less", must: 0.2, aim: 0.1 },
  proof_rate: { unit: "runs/s", better: "more", must: 950 },
  proof_file_p99: { unit: "ms", better: "less", must: 500, aim: 300 },
  proof_backlog: { unit: "files", better: "less" },
  proof_backlog_growth: { unit: "times", better: "less", must: 2 },
  recover: { unit: "ms", better: "less", must: 1_000, aim: 300 },
  recover_ready: { unit: "ms", better: "less" },
  drain: { unit: "ms", better: "less", must: 400, aim: 260 },
  list: { unit: "ms", better: "less", must: 30, aim: 5 },
  list_worst: { unit: "ms", better: "less" },
  list_show: { unit: "ms", better: "less", must: 30, aim: 5 },
  grow: { unit: "times", better: "less", must: 1.2 },
  grow_memory: { unit: "times", better: "less", must: 1.2 },
  grow_disk: { unit: "KB", better: "less", must: 12, aim: 8 },
  grow_time_10000: { unit: "us/run", better: "less" },
  grow_time_100000: { unit: "us/run", better: "less" },
  grow_time_1000000: { unit: "us/run", better: "less" },
  grow_rss_10000: { unit: "MB", better: "less" },
  grow_rss_100000: { unit: "MB", better: "less" },
  grow_rss_1000000: { unit: "MB", better: "less" },
};
