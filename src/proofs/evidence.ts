import type { ProofHead } from "../domain/proof.ts";
import type { Output, Run, RunId } from "../domain/run.ts";
import type { WorkflowId } from "../domain/workflow.ts";
import type { Digest } from "../kernel/digest.ts";
import type { ArtifactStore } from "../ports/artifact-store.ts";
import type { Store } from "../ports/store.ts";

/**
 * What is still there of a run beside its proof, for checking the proof's digests against it. A method that is absent is not
 * asked; one that resolves to undefined says that the thing is not kept any more, which leaves its check open.
 */
export interface Evidence {
  /** The JSON text of a task's output, as it was stored. */
  output?(task: string): Promise<Uint8Array | undefined>;
  /** The bytes of the `manifest.json` of a package. */
  manifest?(packageDigest: Digest): Promise<Uint8Array | undefined>;
  /** The proof file of a statement that is not about a run, by the digest of the statement. */
  attestation?(digest: Digest): Promise<string | undefined>;
  /** The last proof of a workflow's chain whose statement is pruned. */
  prunedEnd?(workflow: WorkflowId): Promise<ProofHead>;
  /** The statement at a place of a workflow's chain. */
  statement?(workflow: WorkflowId, runNumber: number): Promise<string | undefined>;
}

export interface DataFolder {
  store: Pick<Store, "loadRun" | "proofByNumber" | "prunedEnd">;
  artifacts: Pick<ArtifactStore, "get">;
  /** Reads `store/<digest>/manifest.json`; undefined when the package has been collected. */
  manifest(packageDigest: Digest): Promise<Uint8Array | undefined>;
  /** Reads `proofs/attestations/<digest>.sigstore.json`; undefined when it is not there. */
  attestation(digest: Digest): Promise<string | undefined>;
}

/** Everything a data folder can say about a run. */
export function evidenceIn({ store, artifacts, manifest, attestation }: DataFolder, runId: RunId): Evidence {
  let loading: Promise<Run | undefined> | undefined;
  return {
    async output(task) {
      loading ??= store.loadRun(runId);
      const output = (await loading)?.tasks.get(task)?.output;
      return output ? bytesOf(output, artifacts) : undefined;
    },
    manifest,
    attestation,
    prunedEnd: (workflow) => store.prunedEnd(workflow),
    async statement(workflow, runNumber) {
      return (await store.proofByNumber(workflow, runNumber))?.proof.statement;
    },
  };
}

async function bytesOf(output: Output, artifacts: Pick<ArtifactStore, "get">): Promise<Uint8Array | undefined> {
  return output.kind === "inline" ? Buffer.from(output.json, "utf8") : artifacts.get(output.digest);
}
