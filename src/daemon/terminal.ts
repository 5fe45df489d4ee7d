import { closeSync, constants, openSync } from "node:fs";

/** The terminal that a process was started on, if any. */
export interface Terminal {
  /** True when there was one at the start and it has gone a moment ago: the reason of a SIGHUP. */
  hasGone(): boolean;
  /**
   * To be called now and then, so that a terminal that went unnoticed does not explain a much later signal.
   * False when there is nothing to look for any more.
   */
  look(): boolean;
}

/** `attached` tells whether the process has a controlling terminal now. */
export function createTerminal(attached: () => boolean = hasControllingTerminal): Terminal {
  let known = attached();
  let missing = false;
  return {
    hasGone: () => known && !attached(),
    look() {
      if (known && !attached()) {
        // At the first look the signal may still be on its way.
        known = !missing;
        missing = true;
      }
      return known;
    },
  };
}

function hasControllingTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", constants.O_RDONLY | constants.O_NOCTTY | constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}
