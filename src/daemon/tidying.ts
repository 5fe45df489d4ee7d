import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "../kernel/clock.ts";

/** V8 gives room back only when little was asked for in the last seconds. */
const QUIET_MS = 8_000;

export interface Tidying {
  /** Work that leaves much behind is done: collects when it has been quiet for some seconds. */
  soon(): void;
  stop(): void;
}

/**
 * Returns memory after a start and after packages were loaded. V8 itself does so only when more work comes: a daemon that
 * loads a hundred packages and then rests would keep 88 MB instead of 76 MB for as long as it rests.
 */
export function createTidying(clock: Clock, isBusy: () => boolean, collect: () => void = collector()): Tidying {
  let callOff = (): void => undefined;
  let isStopped = false;

  function soon(): void {
    callOff();
    if (isStopped) return;
    callOff = clock.after(QUIET_MS, () => (isBusy() ? soon() : collect()));
  }

  return {
    soon,
    stop() {
      isStopped = true;
      callOff();
    },
  };
}

/** A collection takes 4 to 20 ms. V8 shows it only to contexts that are made under this flag. */
function collector(): () => void {
  let collectGarbage: ((options: { type: "major" }) => void) | undefined;
  return () => {
    if (!collectGarbage) {
      setFlagsFromString("--expose-gc");
      collectGarbage = runInNewContext("gc") as typeof collectGarbage;
      setFlagsFromString("--no-expose-gc");
    }
    collectGarbage?.({ type: "major" });
  };
}
