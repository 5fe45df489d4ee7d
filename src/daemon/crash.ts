import { type CrashPoint, type CrashPointName, crashPointNames, noCrashPoint } from "../kernel/crash-points.ts";

/**
 * For tests of recovery: `CASCADE_CRASH_AT=name:n` ends this process with SIGKILL at the n-th passage of a named place.
 * Anything else is no crash at all.
 */
export function crashPointFrom(setting: string | undefined): CrashPoint {
  const [name, passage = "1"] = (setting ?? "").split(":");
  if (!crashPointNames.includes(name as CrashPointName)) return noCrashPoint;
  let left = Number(passage);
  return (passed) => {
    if (passed === name && --left === 0) process.kill(process.pid, "SIGKILL");
  };
}
