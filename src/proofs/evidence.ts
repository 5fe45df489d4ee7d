import type { LogEntry } from "../domain/bundle.ts";
import type { Proof, ProofHead } from "../domain/proof.ts";
import type { Output, Run, RunId } from "../domain/run.ts";
import type { WorkflowId } from "../domain/workflow.ts";
import { canonicalBytes } from "../kernel/canonical-json.ts";
import { isoTime } from "../kernel/clock.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import type { ArtifactStore } from "../ports/artifact-store.ts";
import type { Store } from "../ports/store.ts";

/**
 * What is still there of a run beside its proof, for checking the proof's digests against it. A method that is absent is not
 * asked; one that resolves to undefined says that the thing is not kept any more, which leaves its check open.
 */
export interface Evidence {
  /** The JSON text of a task's output, as it was stored. */
  output?(task: string): Promise<Uint8Array | undefined>;
  /** The run itself. */
  run?(): Promise<Run | undefined>;
  /** The row of its proof. */
  proofRow?(): Promise<ProofRow | undefined>;
  /** The hash that the log which the entry names has in that place now. Rejects with `TLOG_DAMAGED` when it must be there and is not. */
  leaf?(entry: LogEntry): Promise<Uint8Array | undefined>;
  /** What is stored of a package beside its files. */
  packageRow?(packageDigest: Digest): Promise<PackageRow | undefined>;
  /** The digests of the files of a package, by path, `manifest.json` among them. */
  files?(packageDigest: Digest): Promise<ReadonlyMap<string, Digest> | undefined>;
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

/** What the row of a proof repeats of it. */
export interface ProofRow {
  workflow: WorkflowId;
  runNumber: number;
  previousProof: Digest | null;
  digest: Digest;
  /** The digest of the statement that is stored with it. */
  statement: Digest;
  endedAt: string;
  keyId: Digest;
  signature: string | null;
}

export interface PackageRow {
  name: string;
  version: string;
  /** Of the manifest as it is stored. */
  manifestDigest: Digest;
}

export interface DataFolder {
  store: Pick<Store, "loadRun" | "proof" | "proofByNumber" | "prunedEnd" | "isPruned" | "unknownRuns" | "package">;
  artifacts: Pick<ArtifactStore, "get">;
  /** Reads `store/<digest>/manifest.json`; undefined when the package has been collected. */
  manifest(packageDigest: Digest): Promise<Uint8Array | undefined>;
  /** The digests of the files in `store/<digest>`; undefined when the package has been collected. */
  files(packageDigest: Digest): Promise<ReadonlyMap<string, Digest> | undefined>;
  /** See `Evidence`. */
  leaf(entry: LogEntry): Promise<Uint8Array | undefined>;
  /** Reads `proofs/attestations/<digest>.sigstore.json`; undefined when it is not there. */
  attestation(digest: Digest): Promise<string | undefined>;
  /** Reads a file below `proofs/`, packed or not; undefined when it is not there. */
  proofFile(name: string): Promise<string | undefined>;
}

/** Everything a data folder can say about a run. */
export function evidenceIn(data: DataFolder, runId: RunId): Evidence {
  const { store, artifacts, manifest, files, leaf, attestation } = data;
  let loading: Promise<Run | undefined> | undefined;
  const run = () => (loading ??= store.loadRun(runId));
  return {
    run,
    async proofRow() {
      const found = await store.proof(runId);
      return found && rowOf(found.proof);
    },
    leaf,
    async output(task) {
      const output = (await run())?.tasks.get(task)?.output;
      return output ? bytesOf(output, artifacts) : undefined;
    },
    async packageRow(digest) {
      const found = await store.package(digest);
      if (!found) return undefined;
      const { name, version } = found.identity;
      return { name, version, manifestDigest: sha256(canonicalBytes(found.manifest)) };
    },
    files,
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

function rowOf({ workflow, runNumber, previousProof, digest, statement, endedAt, keyId, signature }: Proof): ProofRow {
  const stored = { digest, statement: sha256(statement), endedAt: isoTime(endedAt), keyId, signature };
  return { workflow, runNumber, previousProof, ...stored };
}

async function bytesOf(output: Output, artifacts: Pick<ArtifactStore, "get">): Promise<Uint8Array | undefined> {
  return output.kind === "inline" ? Buffer.from(output.json, "utf8") : artifacts.get(output.digest);
}
