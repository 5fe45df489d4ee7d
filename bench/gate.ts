import { median, quantile } from "./statistics.ts";

/**
 * The share of the ceiling below which a figure must not fall: what targets.ts asks for, or for `w2` and `w4` its value over
 * what the bare program reached on the machine that the values were set for (0.414 and 30 ms). Ratios survive a change of machine.
 */
export const floors: Readonly<Record<string, number>> = {
  w1_fanout: 0.25,
  w2_latency: 0.37,
  w3_chain: 0.26,
  w4_join: 0.16,
};

/** More noise than this says nothing: the figure is taken again. */
export const NOISE_MAX = 0.2;
/** How often a figure is taken before its noise counts as a failure. */
export const TAKES_MAX = 3;

export interface Verdict {
  /** `again`: too much noise to tell, and not the last take. */
  kind: "passed" | "failed" | "again";
  ratio: number;
  /** Half the width of the middle half of the repetitions, as a share of their median. */
  noise: number;
  floor: number;
  /** One line for whoever reads the log. */
  reason: string;
}

/**
 * Judges the ratios of one figure's repetitions, `take` being 1 for the first time that it is taken. It fails when the median is
 * below the floor by more than the noise, or when there is too much noise each time: noise excuses a fifth at most.
 */
export function judge(floor: number, ratios: readonly number[], take: number): Verdict {
  const ratio = median(ratios);
  const noise = (quantile(ratios, 0.75) - quantile(ratios, 0.25)) / 2 / ratio;
  const verdict = (kind: Verdict["kind"], reason: string): Verdict => ({ kind, ratio, noise, floor, reason });
  if (!(noise <= NOISE_MAX)) {
    const found = `the repetitions differ by ${percent(noise)}, more than ${percent(NOISE_MAX)}`;
    return take < TAKES_MAX ? verdict("again", found) : verdict("failed", `${found}, ${TAKES_MAX} times`);
  }
  const least = floor * (1 - noise);
  const compared = `${ratio.toFixed(3)} of the ceiling, at least ${floor} less ${percent(noise)} noise`;
  return verdict(ratio >= least ? "passed" : "failed", compared);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
