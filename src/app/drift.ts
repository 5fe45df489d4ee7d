import { comparedSnapshot, type Compared, type Engine, nameOf } from "../domain/drift-side.ts";
import type { Manifest } from "../domain/manifest.ts";
import type { AuditEntry } from "../domain/audit.ts";
import type { PackageRecord, WorkflowRecord } from "../domain/registry.ts";
import { isRunEnded, type Run } from "../domain/run.ts";
import { readStatementText } from "../domain/statement-check.ts";
import type { Digest } from "../kernel/digest.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import type { StoredCode } from "../ports/package-archive.ts";
import type { LifeStore, ProofStore, RegistryStore, RunStore } from "../ports/store.ts";
import { PACKAGE_REMOVED } from "./commands.ts";
import { checkLogs, type LogSources } from "./drift-of-logs.ts";
import { checkFile, checkStored, type FolderPorts } from "./drift-of-packages.ts";
import { gatherReplays } from "./drift-of-replays.ts";
import { checkTrust, type TrustSources } from "./drift-of-trust.ts";
import { checkWorkflow } from "./drift-of-workflows.ts";
import { createDriftReport, labelled } from "./drift-report.ts";
import { resolvePastWorkflow } from "./names.ts";
import { resolveRunId, runUnknown } from "./run-ids.ts";
import type { DriftView } from "./views.ts";

export interface DriftSources extends FolderPorts, TrustSources, LogSources {
  store: RunStore & RegistryStore & ProofStore & Pick<LifeStore, "audit"> & LogSources["store"];
  code: StoredCode;
}

/** So many of the newest facts are looked through for removals that were asked for. */
const AUDIT_LOOK = 10_000;

/** Whether the package was removed on request after it was last loaded. */
function wasRemoved(
  { content }: WorkflowRecord,
  packages: readonly PackageRecord[],
  removals: readonly AuditEntry[],
): boolean {
  const { name } = content.package;
  const loadedAt = Math.max(...packages.filter(({ identity }) => identity.name === name).map((one) => one.loadedAt));
  return removals.some(({ subject, at }) => subject === name && at >= loadedAt);
}

/**
 * Everything in a data folder that is not as it was frozen: runs against live definitions, watched files against admitted
 * packages, those against the trust policy, unpacked code against its manifest, chains of proofs, replays. Of one workflow and its
 * package when it is named; the transparency log is one for all workflows and always looked at as a whole.
 */
export async function driftOfData(sources: DriftSources, workflow: string | null): Promise<DriftView> {
  const { store } = sources;
  const report = createDriftReport();
  const [records, packages, files] = [await store.workflows(), await store.packages(), await store.packageFiles()];
  const id = workflow === null ? null : resolvePastWorkflow(workflow, records);
  const isMeant = (name: string | undefined) => id === null || name === id.slice(0, id.indexOf("/"));
  const manifests = manifestsOf(packages);
  const removals = (await store.audit(AUDIT_LOOK)).filter(({ name }) => name === PACKAGE_REMOVED);
  const needed = new Set<Digest>();
  for (const record of records) {
    if (id !== null && record.id !== id) continue;
    const isRemoved = wasRemoved(record, packages, removals);
    for (const digest of await checkWorkflow(record, { manifests, isRemoved }, store, report)) needed.add(digest);
  }

  const loaded = new Map(packages.filter(isLoaded).map((record) => [record.identity.digest, record]));
  for (const file of files) {
    const kept = loaded.get(file.keeps ?? "")?.identity;
    if (isMeant(file.package?.name) || isMeant(kept?.name)) await checkFile(file, loaded, sources, report);
  }
  for (const record of packages) {
    if (!isMeant(record.identity.name)) continue;
    await checkStored(record, isLoaded(record) || needed.has(record.identity.digest), sources.code, report);
  }
  checkTrust(
    [...loaded.values()].filter(({ identity }) => isMeant(identity.name)),
    files,
    sources,
    report,
  );
  const replays = gatherReplays((replayed) => id === null || replayed === id);
  try {
    await checkLogs(sources, report, (statements) => replays.see(statements));
  } catch (error) {
    const { code, message } = toCascadeError(error);
    if (code !== "IO_FAILED") throw error;
    for (const kind of ["unlogged", "output", "fork"] as const) report.cannotTell(kind, "transparency log", message);
  }
  await replays.check(store, report);
  return report.view();
}

/** What two runs of a workflow executed, and under which program. */
export async function driftOfRuns(
  sources: Pick<DriftSources, "store">,
  before: string,
  after: string,
): Promise<DriftView> {
  const { store } = sources;
  const manifests = manifestsOf(await store.packages());
  const [was, is] = [await findRun(store, before), await findRun(store, after)];
  if (was.workflow !== is.workflow) {
    throw new CascadeError("USAGE", `${was.id} is a run of ${was.workflow}, ${is.id} one of ${is.workflow}`, {
      hint: "Name two runs of one workflow.",
    });
  }
  const report = createDriftReport();
  const side = async (run: Run) => ({
    label: `run ${run.id} of ${nameOf(run.package)}`,
    compared: comparedSnapshot(run.snapshot, manifests.get(run.package.digest), await engineOf(store, run)),
  });
  const sides = [await side(was), await side(is)] as const;
  report.compare(...sides);
  for (const [index, run] of [was, is].entries()) {
    if (!isRunEnded(run.head.state) || sides[index]!.compared.engine) continue;
    report.cannotTell("runtime", run.id, "no proof says which program executed it");
  }
  return report.view();
}

/** Two packages, wherever they come from. */
export function driftOfPackages(before: Compared, after: Compared): DriftView {
  const report = createDriftReport();
  report.compare(labelled("package", before), labelled("package", after));
  return report.view();
}

/** The package that `name@version` means, or the active one of `name`; of several contents the one that is loaded. */
export async function findPackage(store: RegistryStore, text: string): Promise<PackageRecord> {
  const at = text.indexOf("@");
  const [name, version] = at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
  const active = new Set(
    (await store.workflows()).filter(({ present }) => present).map(({ content }) => content.package.digest),
  );
  const found = (await store.packages())
    .filter(({ identity }) => identity.name === name && (version === null || identity.version === version))
    .toSorted((a, b) => Number(isLoaded(a)) - Number(isLoaded(b)) || a.loadedAt - b.loadedAt);
  const record =
    (version === null ? found.find(({ identity }) => active.has(identity.digest)) : undefined) ?? found.at(-1);
  if (record) return record;
  throw new CascadeError("PACKAGE_UNKNOWN", `there is no package ${text}`);
}

async function findRun(store: RunStore, text: string): Promise<Run> {
  const run = await store.loadRun(await resolveRunId(store, text));
  if (!run) throw runUnknown(text);
  return run;
}

/** As its proof says. */
async function engineOf(store: ProofStore, run: Run): Promise<Engine | null> {
  const stored = await store.proof(run.id);
  if (!stored) return null;
  const reading = readStatementText(stored.proof.statement);
  return "statement" in reading ? reading.statement.predicate.runDetails.builder.version : null;
}

function manifestsOf(packages: readonly PackageRecord[]): ReadonlyMap<Digest, Manifest> {
  return new Map(packages.map(({ identity, manifest }) => [identity.digest, manifest]));
}

function isLoaded({ state }: PackageRecord): boolean {
  return state === "loaded";
}
