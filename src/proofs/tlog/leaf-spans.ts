import type { StoredStatement, Tlog } from "../../domain/tlog.ts";
import type { TlogStore } from "../../ports/store.ts";
import type { TlogFiles } from "../../ports/tlog-files.ts";
import { sealedLeafProblem } from "./leaf.ts";
import { hashLeaf } from "./merkle.ts";
import { readEntries, readHashes } from "./tile-reading.ts";
import { entriesPath, TILE_WIDTH } from "./tiles.ts";

/** The leaves of one tile and the statements of their places. */
export interface LeafSpan {
  /** The index of the first, a multiple of 256. */
  from: number;
  /** How many there are, up to 256. */
  width: number;
  /** Where their entries lie. */
  path: string;
  /** In order; fewer than `width` when some are not there. */
  entries: readonly Buffer[];
  /** By id; some may be missing. */
  statements: readonly StoredStatement[];
}

export interface SpanPorts {
  store: Pick<TlogStore, "statementsAfter">;
  files: Pick<TlogFiles, "read">;
}

/** The first `size` leaves of a log, but for those that are pruned, tile after tile. */
export async function* leafSpans(
  { firstStatement, minimumIndex }: Pick<Tlog, "firstStatement" | "minimumIndex">,
  size: number,
  { store, files }: SpanPorts,
): AsyncGenerator<LeafSpan> {
  for (let from = minimumIndex; from < size; from += TILE_WIDTH) {
    const width = Math.min(TILE_WIDTH, size - from);
    const index = from / TILE_WIDTH;
    const first = firstStatement + from;
    const statements = await store.statementsAfter(first - 1, width);
    yield {
      from,
      width,
      path: entriesPath(index, width),
      entries: (await readEntries(index, width, files)) ?? [],
      // Where one is missing, the row after it is of a later place.
      statements: statements.filter(({ id }) => id < first + width),
    };
  }
}

/** A place of the log where leaf and statement do not belong together. */
export interface StrayLeaf {
  index: number;
  /** Undefined when the database holds none for this place. */
  statement: StoredStatement | undefined;
  /** Why the leaf is not of the statement; undefined when one of the two is not there. */
  problem: string | undefined;
  isThere: boolean;
}

export function* strayLeaves(
  { from, width, entries, statements }: LeafSpan,
  { firstStatement }: Pick<Tlog, "firstStatement">,
): Iterable<StrayLeaf> {
  const byIndex = new Map(statements.map((statement) => [statement.id - firstStatement, statement]));
  for (let index = from; index < from + width; index++) {
    const [entry, statement] = [entries[index - from], byIndex.get(index)];
    const problem = entry && statement && sealedLeafProblem(entry, statement);
    if (!entry || !statement || problem !== undefined)
      yield { index, statement, problem, isThere: entry !== undefined };
  }
}

/** Leaves whose entry is not the one that the tree was made of. None when the hashes are not there. */
export async function changedLeaves(
  { from, width, entries, statements }: LeafSpan,
  { firstStatement }: Pick<Tlog, "firstStatement">,
  files: SpanPorts["files"],
): Promise<StrayLeaf[]> {
  const hashes = await readHashes({ level: 0, index: from / TILE_WIDTH, width }, files);
  return entries.flatMap((entry, at): StrayLeaf[] => {
    if (hashes?.[at]?.equals(hashLeaf(entry)) ?? true) return [];
    const statement = statements.find(({ id }) => id === firstStatement + from + at);
    return [{ index: from + at, statement, problem: "the tree has another one in its place", isThere: true }];
  });
}
