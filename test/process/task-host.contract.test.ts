import { taskHostContract } from "../contract/task-host.contract.ts";
import { createProcessHostRig } from "../support/process-host-rig.ts";

taskHostContract("the process host", () => createProcessHostRig({ concurrency: 2, limits: { graceMs: 300 } }));
