import { comparedSnapshot, nameOf } from "../domain/drift-side.ts";
import type { Manifest } from "../domain/manifest.ts";
import { followChain } from "../domain/proof-chain.ts";
import type { WorkflowRecord } from "../domain/registry.ts";
import { isRunEnded, runStates } from "../domain/run.ts";
import { type SnapshotContent, snapshotDigest } from "../domain/snapshot.ts";
import type { WorkflowId } from "../domain/workflow.ts";
import type { Digest } from "../kernel/digest.ts";
import type { ProofStore, RegistryStore, RunStore, RunSummary } from "../ports/store.ts";
import type { DriftReport, Labelled } from "./drift-report.ts";

type Sources = Pick<RunStore, "listRuns"> &
  Pick<RegistryStore, "snapshot"> &
  Pick<ProofStore, "proofsFrom" | "prunedEnd" | "proof">;

/** So many rows are asked for at once. */
const PAGE = 1_000;
const ended = runStates.filter(isRunEnded);
const unfinished = runStates.filter((state) => !isRunEnded(state));

/**
 * Holds the runs of a workflow that have not ended, and the last one that has, against its live definition, and follows the
 * chain of its proofs. `isRemoved`: somebody has asked for its package to be removed. Resolves to the packages that its runs still need.
 */
export async function checkWorkflow(
  record: WorkflowRecord,
  { manifests, isRemoved }: { manifests: ReadonlyMap<Digest, Manifest>; isRemoved: boolean },
  store: Sources,
  report: DriftReport,
): Promise<readonly Digest[]> {
  const open = await unfinishedRuns(record.id, store);
  const [last] = (await store.listRuns({ workflow: record.id, state: ended }, { limit: 1, cursor: null })).items;
  if (!record.present && !isRemoved) reportMissing(record, open.length, last, report);
  const groups = await bySnapshot([...open, ...(last ? [last] : [])], store);
  checkSnapshots(record, groups, report);
  const live = side("the live definition of", record.content, manifests);
  for (const { summaries, content } of groups) {
    if (record.present) report.compare(side(`${labelOf(summaries)} of`, content, manifests), live);
  }
  await checkChain(record.id, store, report);
  if (last && !(await store.proof(last.id))) report.find("gap", record.id, `run ${last.id} has ended and has no proof`);
  return open.map((run) => run.package.digest);
}

async function unfinishedRuns(workflow: WorkflowId, store: Sources): Promise<RunSummary[]> {
  const runs: RunSummary[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Sources["listRuns"]>> = await store.listRuns(
      { workflow, state: unfinished },
      { limit: PAGE, cursor },
    );
    runs.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return runs;
}

function reportMissing(
  { id, content }: WorkflowRecord,
  open: number,
  last: RunSummary | undefined,
  report: DriftReport,
): void {
  const gone = `no loaded package has the workflow; it was in ${nameOf(content.package)}`;
  if (open > 0) report.find("missing", id, `${gone}, and ${open} of its runs have not ended`);
  else if (last) report.find("missing", id, `${gone}, and its runs are still kept`);
}

interface SharedSnapshot {
  summaries: readonly RunSummary[];
  digest: Digest;
  content: SnapshotContent;
}

/** A snapshot bears its digest as its name. */
function checkSnapshots(record: WorkflowRecord, shared: readonly SharedSnapshot[], report: DriftReport): void {
  const contents = new Map(shared.map(({ digest, content }) => [digest, content])).set(record.snapshot, record.content);
  for (const [digest, content] of contents) {
    if (snapshotDigest(content) !== digest) {
      report.find("store", record.id, `the content of snapshot ${digest.slice(0, 12)} is not what its digest says`);
    }
  }
}

/** Runs that share a snapshot are held against the live definition once. */
async function bySnapshot(runs: readonly RunSummary[], store: Sources): Promise<SharedSnapshot[]> {
  const groups = new Map<Digest, RunSummary[]>();
  for (const run of runs) {
    const group = groups.get(run.snapshotDigest);
    if (group) group.push(run);
    else groups.set(run.snapshotDigest, [run]);
  }
  const shared: SharedSnapshot[] = [];
  for (const [digest, summaries] of groups) {
    const content = await store.snapshot(digest);
    if (content) shared.push({ summaries, digest, content });
  }
  return shared;
}

function labelOf([first, ...more]: readonly RunSummary[]): string {
  const others = more.length === 0 ? "" : ` and ${more.length} more`;
  const { id, head } = first!;
  return `${isRunEnded(head.state) ? "the last run" : `${head.state} run`} ${id}${others}`;
}

function side(label: string, content: SnapshotContent, manifests: ReadonlyMap<Digest, Manifest>): Labelled {
  const compared = comparedSnapshot(content, manifests.get(content.package.digest));
  return { label: `${label} ${nameOf(content.package)}`, compared };
}

async function checkChain(workflow: WorkflowId, store: Sources, report: DriftReport): Promise<void> {
  let end = await store.prunedEnd(workflow);
  for (;;) {
    const proofs = await store.proofsFrom(workflow, end.runNumber + 1, PAGE);
    if (proofs.length === 0) return;
    for (const proof of proofs) {
      const next = followChain(end, proof);
      for (const problem of next.problems) report.find("gap", workflow, problem);
      end = next.end;
    }
  }
}
