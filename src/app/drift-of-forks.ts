import type { AnchorRecord } from "../domain/anchor.ts";
import type { Tlog } from "../domain/tlog.ts";
import { toCascadeError } from "../kernel/errors.ts";
import type { TlogStore } from "../ports/store.ts";
import { searchForks } from "../proofs/tlog/forked-heads.ts";
import type { KnownHead } from "../proofs/tlog/known-heads.ts";
import { parseVkey } from "../proofs/tlog/note.ts";
import { readSignedCheckpoint } from "../proofs/tlog/signed-checkpoint.ts";
import type { TlogFiles } from "../ports/tlog-files.ts";
import type { DriftReport } from "./drift-report.ts";

/**
 * A log that goes on, with the heads that it has signed and those that others remember, which are read first, so that a working
 * daemon does not seem to be behind.
 */
export interface ForkCase {
  tlog: Tlog;
  /** In the data folder, the largest first. */
  own: readonly KnownHead[];
  anchored: AnchoredHeads;
  marked: KnownHead | undefined;
}

/** What is known of the heads that anchors have seen. */
export interface AnchoredHeads {
  /** Read before the heads, because receipts are kept before they are recorded. */
  records: readonly AnchorRecord[];
  kept: readonly KnownHead[];
}

interface ForkSources {
  store: Pick<TlogStore, "headOver" | "lastStatementId">;
  files: Pick<TlogFiles, "read">;
}

/** So many heads are named one by one: after a fork, all that follow it are others. */
const MOST_NAMED = 10;

/** Holds every signed head of a log that is known anywhere against the leaves that the log has now. */
export async function checkForks(
  { tlog, own, anchored, marked }: ForkCase,
  sources: ForkSources,
  report: DriftReport,
): Promise<void> {
  const { origin } = tlog;
  const heads = [...(marked ? [marked] : []), ...anchored.kept];
  const elsewhere = heads.toSorted((one, other) => other.head.size - one.head.size);
  const size = own[0]?.head.size ?? 0;
  await checkRolledBack(tlog, own[0], elsewhere, sources.store, report);
  checkReceipts(tlog, anchored, report);
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
  { origin, vkey, firstStatement }: Tlog,
  own: KnownHead | undefined,
  elsewhere: readonly KnownHead[],
  store: ForkSources["store"],
  report: DriftReport,
): Promise<void> {
  const key = parseVkey(vkey);
  const size = own?.head.size ?? 0;
  const ahead = elsewhere.find(({ head, checkpoint }) => head.size > size && readSignedCheckpoint(checkpoint, key));
  if (ahead) {
    const last = own ? `its own last one is of ${size}` : "it has none of its own";
    const message = `${ahead.place} has a signed head of ${ahead.head.size} leaves, and ${last}: this is an older copy`;
    report.find("fork", origin, message);
  }
  const statements = (await store.lastStatementId()) - firstStatement + 1;
  if (own && size > statements) {
    const message = `${own.place} has a signed head of ${size} leaves, and the database holds ${statements} statements: it is an older copy`;
    report.find("fork", origin, message);
  }
}

/** What the newest receipt of an anchor is over has to be at hand, or nobody can hold the log against it. */
function checkReceipts({ origin, vkey, minimumIndex }: Tlog, { records, kept }: AnchoredHeads, report: DriftReport) {
  const key = parseVkey(vkey);
  for (const { name, size, state } of records) {
    if (state !== "anchored" || size <= minimumIndex) continue;
    const heads = kept.filter(({ head }) => head.size === size);
    if (heads.some(({ checkpoint }) => readSignedCheckpoint(checkpoint, key))) continue;
    report.cannotTell("fork", origin, `the head of ${size} leaves that the anchor ${name} has seen is not kept`);
  }
}
