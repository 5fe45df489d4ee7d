/**
 * Places where a test ends the daemon with SIGKILL to prove that nothing depends on getting past them.
 * Each is named once here and passed in the source; a test holds the two equal and has a scenario for each.
 */
export const crashPointNames = [
  "lock-taken",
  "migration-step-done",
  "former-life-settled",
  "staging-written",
  "store-renamed",
  "load-committed",
  "run-committed",
  "firing-committed",
  "attempt-committed",
  "attempt-dispatched",
  "result-received",
  "large-output-stored",
  "settle-committed",
  "run-ended",
  "statements-signed",
  "tlog-tiles-written",
  "tlog-head-signed",
  "tlog-head-published",
  "proof-temp-written",
  "reload-checked",
  "drain-started",
  "retention-batch-deleted",
] as const;

export type CrashPointName = (typeof crashPointNames)[number];

/** Called at each passage of a named place. Does nothing unless the composition root was told to crash there. */
export type CrashPoint = (name: CrashPointName) => void;

export const noCrashPoint: CrashPoint = () => {};
