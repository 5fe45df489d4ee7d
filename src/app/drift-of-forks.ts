import type { AnchorRecord } from "../domain/anchor.ts";
import type { Tlog } from "../domain/tlog.ts";
import { toCascadeError } from "../kernel/errors.ts";
import type { AnchorStore, TlogStore } from "../ports/store.ts";
import { searchForks } from "../proofs/tlog/forked-heads.ts";
import type { KnownHead } from "../proofs/tlog/known-heads.ts";
import { parseVkey } from "../proofs/tlog/note.ts";
import { readSignedCheckpoint } from "../proofs/tlog/signed-checkpoint.ts";
import type { TlogFiles } from "../ports/tlog-files.ts";
import type { DriftReport } from "./drift-report.ts";

/** A log that goes on, with the heads that it has signed and those that others remember. */
export interface ForkCase {
  tlog: Tlog;
  /** In the data folder, the largest first. */
  own: readonly KnownHead[];
  /** The largest first. Read before the own ones, so that a working daemon does not seem to be behind. */
  elsewhere: readonly KnownHead[];
}

interface ForkSources {
  store: Pick<TlogStore, "headOver" | "lastStatementId"> & Pick<AnchorStore, "anchors">;
  files: Pick<TlogFiles, "read">;
}

/** So many heads are named one by one: after a fork, all that follow it are others. */
const MOST_NAMED = 10;

/** Holds every signed head of a log that is known anywhere against the leaves that the log has now. */
export async function checkForks(
  { tlog, own, elsewhere }: ForkCase,
  sources: ForkSources,
  report: DriftReport,
): Promise<void> {
  const { origin } = tlog;
  const size = own[0]?.head.size ?? 0;
  await checkRolledBack({ tlog, own, elsewhere }, size, sources, report);
  await checkReceipts(tlog, elsewhere, sources, report);
  const newest = elsewhere[0]?.head.size;
  if (newest !== undefined && newest < tlog.minimumIndex) {
    report.cannotTell("fork", origin, `the newest head that others remember is of ${newest} leaves, which are pruned`);
  }
  if (!own[0]) return;
  let search;
  try {
    search = await searchForks(tlog, own[0].head, [...own, ...elsewhere], sources);
  } catch (error) {
    search = { kind: "unknown", why: toCascadeError(error).message } as const;
  }
  if (search.kind === "unknown") return report.cannotTell("fork", origin, search.why);
  if (search.kind === "changed") {
    return report.find("fork", origin, `the leaves in tlog/ are not those of its signed head of ${size} leaves`);
  }
  const { forked } = search;
  for (const { place, head } of forked.slice(0, MOST_NAMED)) {
    report.find("fork", origin, `the signed head of ${head.size} leaves in ${place} is of other leaves than its own`);
  }
  if (forked.length > MOST_NAMED) {
    report.find("fork", origin, `and so are ${forked.length - MOST_NAMED} more signed heads`);
  }
}

/** More was signed than is here: the data folder, or a part of it, is an older copy. */
async function checkRolledBack(
  { tlog, own, elsewhere }: ForkCase,
  size: number,
  { store }: ForkSources,
  report: DriftReport,
): Promise<void> {
  const key = parseVkey(tlog.vkey);
  const ahead = elsewhere.find(({ head, checkpoint }) => head.size > size && readSignedCheckpoint(checkpoint, key));
  if (ahead) {
    const last = size === 0 ? "it has none of its own" : `its own last one is of ${size}`;
    const message = `${ahead.place} has a signed head of ${ahead.head.size} leaves, and ${last}: this is an older copy`;
    report.find("fork", tlog.origin, message);
  }
  const statements = (await store.lastStatementId()) - tlog.firstStatement + 1;
  if (size > statements) {
    const message = `${own[0]!.place} has a signed head of ${size} leaves, and the database holds ${statements} statements: it is an older copy`;
    report.find("fork", tlog.origin, message);
  }
}

/** What the newest receipt of an anchor is over has to be at hand, or nobody can hold the log against it. */
async function checkReceipts(
  { origin, minimumIndex }: Tlog,
  elsewhere: readonly KnownHead[],
  { store }: ForkSources,
  report: DriftReport,
): Promise<void> {
  const kept = new Set(elsewhere.map(({ head }) => head.size));
  const isLost = ({ state, size }: AnchorRecord) => state === "anchored" && size > minimumIndex && !kept.has(size);
  for (const { name, size } of (await store.anchors(origin)).filter(isLost)) {
    report.cannotTell("fork", origin, `the head of ${size} leaves that the anchor ${name} has seen is not kept`);
  }
}
