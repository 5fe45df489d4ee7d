import { createCgroups } from "../../src/adapters/process/cgroups.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import { realClock } from "./real-clock.ts";
import { skipsAllowed } from "./skipping.ts";

/** Whether this process may make control groups here: as root in a container, or in what was delegated to it. */
export async function hasControlGroups(): Promise<boolean> {
  const cgroups = createCgroups({ bootId: `probe-${process.pid}`, clock: realClock, logger: silentLogger });
  const made = await cgroups.make();
  await cgroups.close();
  return made !== undefined || !skipsAllowed;
}
