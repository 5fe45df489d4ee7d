import { doubtedRuns, outputChanges, type SignedReplay } from "../domain/drift-replay.ts";
import { readReplay } from "../domain/replay-statement.ts";
import type { StoredStatement } from "../domain/tlog.ts";
import { isAttestation } from "../domain/tlog-statement.ts";
import type { WorkflowId } from "../domain/workflow.ts";
import { sha256 } from "../kernel/digest.ts";
import type { RunStore } from "../ports/store.ts";
import type { DriftReport } from "./drift-report.ts";

/** The replays among the statements of a data folder, which are looked through for other reasons anyway. */
export interface ReplayGathering {
  /** The next statements in their order. */
  see(statements: readonly StoredStatement[]): void;
  /** For each workflow, the run with the newest replay that gave other outputs, as long as the run is kept. */
  check(store: Pick<RunStore, "loadRun">, report: DriftReport): Promise<void>;
}

export function gatherReplays(isMeant: (workflow: WorkflowId) => boolean): ReplayGathering {
  const byWorkflow = new Map<WorkflowId, SignedReplay[]>();
  return {
    see(statements) {
      for (const { file, statement } of statements) {
        const predicate = isAttestation(file) ? readReplay(statement) : undefined;
        if (!predicate || !isMeant(predicate.of.workflow)) continue;
        const replays = byWorkflow.get(predicate.of.workflow) ?? [];
        replays.push({ digest: sha256(statement), predicate });
        byWorkflow.set(predicate.of.workflow, replays);
      }
    },
    async check(store, report) {
      for (const replays of byWorkflow.values()) {
        for (const id of doubtedRuns(replays)) {
          const run = await store.loadRun(id);
          const changes = run ? [...outputChanges(replays, run)] : [];
          report.add("output", changes);
          if (changes.length > 0) break;
        }
      }
    },
  };
}
