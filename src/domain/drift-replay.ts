import type { Digest } from "../kernel/digest.ts";
import type { Difference } from "./drift-side.ts";
import type { TaskReplayResult } from "./replay.ts";
import type { ReplayStatement } from "./replay-statement.ts";
import type { Run, RunId } from "./run.ts";
import { workflowId } from "./workflow.ts";

/** A replay that was signed. */
export interface SignedReplay {
  /** Of its statement. */
  digest: Digest;
  predicate: ReplayStatement["predicate"];
}

/** The runs of which some of these replays, the oldest first, gave something else; the run with the newest such replay first. */
export function doubtedRuns(replays: readonly SignedReplay[]): RunId[] {
  const doubted = replays.filter(({ predicate }) => predicate.tasks.some(({ result }) => isOther(result)));
  return [...new Set(doubted.map(({ predicate }) => predicate.of.run).toReversed())];
}

/**
 * What replays, the oldest first, say of the tasks of a run. Of each task the last one counts that told equal from other; a
 * replay of other code than the run's own is a question, and says nothing of the run.
 */
export function* outputChanges(
  replays: readonly SignedReplay[],
  run: Pick<Run, "id" | "workflow" | "package">,
): Iterable<Difference> {
  const last = new Map<string, { digest: Digest; task: ReplayStatement["predicate"]["tasks"][number] }>();
  for (const { digest, predicate } of replays) {
    const { against, of, tasks } = predicate;
    if (of.run !== run.id || (against !== null && against.digest !== run.package.digest)) continue;
    for (const task of tasks) if (task.result === "same" || isOther(task.result)) last.set(task.id, { digest, task });
  }
  for (const { digest, task } of last.values()) {
    if (!isOther(task.result)) continue;
    const where = task.pointer === null || task.pointer === "" ? "" : `, first at ${task.pointer}`;
    const what = task.result === "diverged" ? "asked for what is not in its recording" : `ended otherwise${where}`;
    const message = `in replay ${digest.slice(0, 12)} of run ${run.id} it ${what}`;
    yield { subject: workflowId(run.workflow, task.id), message };
  }
}

function isOther(result: TaskReplayResult): boolean {
  return result === "different" || result === "diverged";
}
