import type { Figure } from "./figure.ts";
import { chain } from "./figures/chain.ts";
import { fanout } from "./figures/fanout.ts";
import { join } from "./figures/join.ts";
import { latency } from "./figures/latency.ts";
import { runs } from "./figures/runs.ts";

/** In the order of the table. */
export const figures: readonly Figure[] = [fanout, runs, latency, chain, join];
