import type { Figure } from "./figure.ts";
import { chain } from "./figures/chain.ts";
import { cron, cronPackages } from "./figures/cron.ts";
import { drain } from "./figures/drain.ts";
import { drop, dropMany } from "./figures/drop.ts";
import { fanout } from "./figures/fanout.ts";
import { grow } from "./figures/grow.ts";
import { idle } from "./figures/idle.ts";
import { join } from "./figures/join.ts";
import { latency } from "./figures/latency.ts";
import { list } from "./figures/list.ts";
import { proofs } from "./figures/proofs.ts";
import { recover } from "./figures/recover.ts";
import { runs } from "./figures/runs.ts";
import { startFull } from "./figures/start-full.ts";
import { start } from "./figures/start.ts";
import { starvation } from "./figures/starvation.ts";

/** In the order of the table. */
export const figures: readonly Figure[] = [
  fanout,
  runs,
  latency,
  chain,
  join,
  idle,
  start,
  startFull,
  drop,
  dropMany,
  cron,
  cronPackages,
  starvation,
  proofs,
  recover,
  drain,
  list,
  grow,
];
