import type { Proof, ProofHead } from "../domain/proof.ts";
import type { Run } from "../domain/run.ts";
import type { RunChange } from "../domain/run-change.ts";
import type { NewStatement } from "../domain/sealed-statement.ts";
import type { WorkflowId } from "../domain/workflow.ts";
import type { ProofStore } from "../ports/store.ts";

/** Makes the sealed proof of an ended run at its place in its workflow's chain. */
export type SealRun = (ended: Run, place: { runNumber: number; previousProof: string | null }) => Promise<Proof>;

/** Makes the sealed statement that a run was started. */
export type SealStart = (created: Run) => Promise<NewStatement>;

/**
 * Gives each ending run the next place in its workflow's chain. The heads are kept here, ahead of the store, because several
 * runs of a workflow may end in one batch; the store refuses a proof that does not follow, and then `forget` starts over.
 */
export interface Sealer {
  seal(run: Run, change: RunChange): Promise<Proof>;
  forget(workflow: WorkflowId): void;
}

export function createSealer(store: Pick<ProofStore, "proofHead">, sealRun: SealRun): Sealer {
  const heads = new Map<WorkflowId, ProofHead>();
  return {
    async seal(run, change) {
      const head = heads.get(run.workflow) ?? (await store.proofHead(run.workflow));
      const tasks = new Map(run.tasks);
      for (const task of change.tasks) tasks.set(task.name, task);
      const ended: Run = { ...run, version: run.version + 1, head: change.head, tasks };
      const proof = await sealRun(ended, { runNumber: head.runNumber + 1, previousProof: head.digest });
      heads.set(run.workflow, { runNumber: proof.runNumber, digest: proof.digest });
      return proof;
    },
    forget(workflow) {
      heads.delete(workflow);
    },
  };
}
