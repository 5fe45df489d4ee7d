import type { Engine } from "../engine/engine.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { RunStarter } from "../scheduling/run-starter.ts";
import type { LiveWorkflows } from "./live-workflows.ts";
import type { ParamsCheck } from "./params.ts";

/** Gives schedules the runs of live definitions, under the same checks as runs started by hand. */
export function createScheduledRuns(
  engine: Pick<Engine, "newRun" | "started" | "activeRuns" | "isPaused" | "cancel">,
  live: Pick<LiveWorkflows, "snapshot">,
  params: ParamsCheck,
): RunStarter {
  return {
    async newRun(workflow, { params: given, trigger, plannedAt }) {
      const snapshot = live.snapshot(workflow);
      if (!snapshot) throw new CascadeError("WORKFLOW_UNKNOWN", `workflow ${workflow} is not loaded`);
      const [text] = await params.check([{ snapshot, params: given, place: "" }]);
      return engine.newRun({ snapshot, params: text!, trigger, key: null, plannedAt });
    },
    started: (runs) => engine.started(runs),
    activeRuns: (schedule) => engine.activeRuns(schedule),
    isPaused: (workflow) => engine.isPaused(workflow),
    cancel: (run, reason) => engine.cancel(run, reason),
  };
}
