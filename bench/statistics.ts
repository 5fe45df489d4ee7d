/** The value below which `percent` of the samples lie. */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = ascending(samples);
  return sorted[Math.min(sorted.length - 1, Math.floor((percent / 100) * sorted.length))] ?? Number.NaN;
}

/** The value below which a share of few samples lies, between two of them where it falls there. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = ascending(samples);
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const lower = sorted[below] ?? Number.NaN;
  return lower + (place - below) * ((sorted[below + 1] ?? lower) - lower);
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

function ascending(samples: readonly number[]): number[] {
  return [...samples].sort((a, b) => a - b);
}

/** Three significant digits say all that a measurement on a shared machine knows. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** Milliseconds of the host's monotonic clock, which is one clock for all its processes. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
