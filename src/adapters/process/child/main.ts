import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMainThread, workerData } from "node:worker_threads";
import type { HostSettings } from "../protocol.ts";
import { guard } from "./guard.ts";
import { serve } from "./serve.ts";

// One file for both threads: the second one is started from this very file, wherever the build has put it.
if (isMainThread) {
  const settings = JSON.parse(process.argv[2] ?? "") as HostSettings;
  const isInGroup = settings.cgroup !== null && enterCgroup(settings.cgroup);
  serve({ ...settings, cgroup: isInGroup ? settings.cgroup : null }, new URL(import.meta.url));
} else guard(workerData as SharedArrayBuffer);

/** Before anything is started: what is, is in the same control group. */
function enterCgroup(folder: string): boolean {
  try {
    writeFileSync(join(folder, "cgroup.procs"), "0");
    return true;
  } catch {
    return false;
  }
}
