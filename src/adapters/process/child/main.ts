import { isMainThread, workerData } from "node:worker_threads";
import type { HostSettings } from "../protocol.ts";
import { guard } from "./guard.ts";
import { serve } from "./serve.ts";

// One file for both threads: the second one is started from this very file, wherever the build has put it.
if (isMainThread) serve(JSON.parse(process.argv[2] ?? "") as HostSettings, new URL(import.meta.url));
else guard(workerData as SharedArrayBuffer);
