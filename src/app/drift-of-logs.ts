import { isBundleOf } from "../domain/bundle.ts";
import { isSigned } from "../domain/sealed-statement.ts";
import type { StoredStatement, Tlog } from "../domain/tlog.ts";
import { toCascadeError } from "../kernel/errors.ts";
import type { ProofListing } from "../ports/proof-listing.ts";
import type { AnchorStore, TlogStore } from "../ports/store.ts";
import type { TlogFiles } from "../ports/tlog-files.ts";
import { fileLeafProblem, type PresentLog } from "../proofs/file-leaf.ts";
import { type KnownHead, ownHeads } from "../proofs/tlog/known-heads.ts";
import { changedLeaves, leafSpans, strayLeaves } from "../proofs/tlog/leaf-spans.ts";
import { tileNodes } from "../proofs/tlog/tiles.ts";
import { checkForks } from "./drift-of-forks.ts";
import type { DriftReport } from "./drift-report.ts";
import { gatherUnlogged, type UnloggedGathering } from "./drift-of-leaves.ts";

export interface LogSources {
  store: TlogStore & AnchorStore;
  proofs: ProofListing;
  /** Of the log that goes on, or of a former one. */
  logFiles(origin: string): Pick<TlogFiles, "read" | "readLastSigned">;
  /** Heads that anchors have seen, by what is kept of them. */
  anchoredHeads(origin: string): Promise<readonly KnownHead[]>;
  /** The head that is remembered outside of the data folder. */
  markedHead(origin: string): Promise<KnownHead | undefined>;
}

/** A log, and how many leaves its last signed head covers. */
interface SizedLog extends PresentLog {
  files: Pick<TlogFiles, "read">;
}

/** So many statements are asked for at once. */
const PAGE = 1_000;

/**
 * Holds statements, their files and the leaves of all logs against each other, and the signed heads of the log that goes on.
 * What is written last is read first, so that a daemon which works meanwhile is not taken for one that left something out.
 * `see` is shown every statement that is not pruned, in order.
 */
export async function checkLogs(
  sources: LogSources,
  report: DriftReport,
  see: (statements: readonly StoredStatement[]) => void,
): Promise<void> {
  const { store } = sources;
  const files = await listFiles(sources, report);
  const tlogs = await store.tlogs();
  const going = tlogs.at(-1);
  const records = going ? await store.anchors(going.origin) : [];
  const anchored = { records, kept: going ? await sources.anchoredHeads(going.origin) : [] };
  const marked = going && (await sources.markedHead(going.origin));
  const own = going ? await ownHeads({ store, files: sources.logFiles(going.origin) }, going) : [];
  const logs = await Promise.all(tlogs.map((tlog) => sizedLog(tlog, tlog === going ? own[0] : undefined, sources)));

  const unlogged = gatherUnlogged();
  for (const [at, log] of logs.entries()) {
    if (isLetGo(log, tlogs)) continue;
    await walkLog(log, { sources, files, unlogged, see });
    await seeDue(log.tlog.firstStatement + log.size, logs[at + 1]?.tlog.firstStatement ?? Infinity, store, see);
  }
  if (!going) await seeDue(1, Infinity, store, see);
  await checkStrangers(files, logs, sources.proofs, unlogged, report);
  // What was pruned meanwhile was let go.
  unlogged.report(await store.tlogs(), report);
  if (going)
    await checkForks({ tlog: going, own, anchored, marked }, { store, files: sources.logFiles(going.origin) }, report);
}

async function listFiles({ proofs }: LogSources, report: DriftReport): Promise<Set<string>> {
  try {
    return new Set(await proofs.names());
  } catch (error) {
    report.cannotTell("unlogged", "proofs", toCascadeError(error).message);
    return new Set();
  }
}

/** Of a former log, what the database knows to be in it: what else it signed is in the one that took its place. */
async function sizedLog(tlog: Tlog, own: KnownHead | undefined, { store, logFiles }: LogSources): Promise<SizedLog> {
  const files = logFiles(tlog.origin);
  const size = own?.head.size ?? (await store.lastHead(tlog.origin))?.size ?? 0;
  return { tlog, size, files, nodes: tileNodes(size, (path) => files.read(path)) };
}

/** Pruned in the order of statements: a later log of which some are gone leaves none to a former one. */
function isLetGo({ tlog }: SizedLog, tlogs: readonly Tlog[]): boolean {
  return tlogs.some(({ firstStatement, minimumIndex }) => minimumIndex > 0 && firstStatement > tlog.firstStatement);
}

interface Walk {
  sources: LogSources;
  /** Those whose statement was not met yet. */
  files: Set<string>;
  unlogged: UnloggedGathering;
  see(statements: readonly StoredStatement[]): void;
}

async function walkLog({ tlog, size, files: logFiles }: SizedLog, { sources, files, unlogged, see }: Walk) {
  const { store, proofs } = sources;
  for await (const span of leafSpans(tlog, size, { store, files: logFiles })) {
    see(span.statements);
    const stray = [...strayLeaves(span, tlog)];
    for (const leaf of stray) unlogged.leaf(leaf, tlog);
    const known = new Set(stray.map(({ index }) => index));
    for (const leaf of await changedLeaves(span, tlog, logFiles)) if (!known.has(leaf.index)) unlogged.leaf(leaf, tlog);
    for (const statement of span.statements) {
      if (!files.has(statement.file) || !isSigned(statement)) continue;
      const text = await proofs.read(statement.file);
      if (text === undefined || isBundleOf(text, statement)) files.delete(statement.file);
    }
  }
}

/** The statements that no signed head covers: they wait. */
async function seeDue(from: number, until: number, store: LogSources["store"], see: Walk["see"]): Promise<void> {
  for (let id = from; ;) {
    const statements = (await store.statementsAfter(id - 1, PAGE)).filter((statement) => statement.id < until);
    if (statements.length === 0) return;
    see(statements);
    id = statements.at(-1)!.id + 1;
  }
}

/** Files of no statement in a signed head: a pruned one, or one that lost its statement, shows its leaf itself. */
async function checkStrangers(
  files: ReadonlySet<string>,
  logs: readonly SizedLog[],
  proofs: ProofListing,
  unlogged: UnloggedGathering,
  report: DriftReport,
): Promise<void> {
  for (const name of files) {
    try {
      const text = await proofs.read(name);
      const problem = text === undefined ? undefined : await fileLeafProblem(text, logs);
      if (problem !== undefined) unlogged.file(name, problem);
    } catch (error) {
      report.cannotTell("unlogged", `proofs/${name}`, toCascadeError(error).message);
    }
  }
}
