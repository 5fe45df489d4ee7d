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
  /** The proof file of the statement that the run was started, by its name below `proofs/`. */
  start?(file: string): Promise<string | undefined>;
  /** What became of a run whose start is looked at. */
  end?(run: RunId): Promise<KnownEnd>;
  /** The last proof of a workflow's chain whose statement is pruned. */
  prunedEnd?(workflow: WorkflowId): Promise<ProofHead>;
  /** The statement at a place of a workflow's chain. */
  statement?(workflow: WorkflowId, runNumber: number): Promise<string | undefined>;
}

/** `unknown`: nothing is here of the run, not even that it ended. */
export type KnownEnd = { kind: "proven"; statement: string } | { kind: "unfinished" | "pruned" | "unknown" };

export interface DataFolder {
  store: Pick<Store, "loadRun" | "proof" | "proofByNumber" | "prunedEnd" | "isPruned" | "unknownRuns">;
  artifacts: Pick<ArtifactStore, "get">;
  /** Reads `store/<digest>/manifest.json`; undefined when the package has been collected. */
  manifest(packageDigest: Digest): Promise<Uint8Array | undefined>;
  /** Reads `proofs/attestations/<digest>.sigstore.json`; undefined when it is not there. */
  attestation(digest: Digest): Promise<string | undefined>;
  /** Reads a file below `proofs/`, packed or not; undefined when it is not there. */
  proofFile(name: string): Promise<string | undefined>;
}

/** Everything a data folder can say about a run. */
export function evidenceIn(data: DataFolder, runId: RunId): Evidence {
  const { store, artifacts, manifest, attestation } = data;
  let loading: Promise<Run | undefined> | undefined;
  return {
    async output(task) {
      loading ??= store.loadRun(runId);
      const output = (await loading)?.tasks.get(task)?.output;
      return output ? bytesOf(output, artifacts) : undefined;
    },
    manifest,
    attestation,
    start: (file) => data.proofFile(file),
    async end(run) {
      const found = await store.proof(run);
      if (found) return { kind: "proven", statement: found.proof.statement };
      if (await store.isPruned(run)) return { kind: "pruned" };
      return { kind: (await store.unknownRuns([run])).length === 0 ? "unfinished" : "unknown" };
    },
    prunedEnd: (workflow) => store.prunedEnd(workflow),
    async statement(workflow, runNumber) {
      return (await store.proofByNumber(workflow, runNumber))?.proof.statement;
    },
  };
}

async function bytesOf(output: Output, artifacts: Pick<ArtifactStore, "get">): Promise<Uint8Array | undefined> {
  return output.kind === "inline" ? Buffer.from(output.json, "utf8") : artifacts.get(output.digest);
}
