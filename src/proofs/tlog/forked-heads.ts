import type { Tlog } from "../../domain/tlog.ts";
import type { TlogStore } from "../../ports/store.ts";
import type { TlogFiles } from "../../ports/tlog-files.ts";
import { type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import { foldPeaks, grow } from "./growth.ts";
import { headsBetween, type KnownHead } from "./known-heads.ts";
import { logEndAtTile } from "./log-end.ts";
import { rootOf } from "./merkle.ts";
import { parseNote, parseVkey } from "./note.ts";
import { readSignedCheckpoint } from "./signed-checkpoint.ts";
import { readHashes } from "./tile-reading.ts";
import { TILE_WIDTH, tileNodes, tilePath } from "./tiles.ts";

/** What some place holds as a head of this log, whoever has signed it; undefined when it is none. */
export function claimedHead(place: string, checkpoint: string, origin: string): KnownHead | undefined {
  try {
    const head = parseCheckpoint(parseNote(checkpoint).body);
    return head.origin === origin ? { place, head, checkpoint } : undefined;
  } catch {
    return undefined;
  }
}

export interface ForkPorts {
  store: Pick<TlogStore, "headOver">;
  files: Pick<TlogFiles, "read">;
}

/**
 * told     these heads are signed by the log and not of the leaves that it has now.
 * changed  the leaves on disk do not lead to the log's own head: of other heads nothing can be told.
 * unknown  why nothing can be told, in words.
 */
export type ForkSearch =
  { kind: "told"; forked: readonly KnownHead[] } | { kind: "changed" } | { kind: "unknown"; why: string };

/**
 * Holds every head that the database knows, and those of other places, against the hashes of leaves that lead to the log's own
 * head. Heads below what is pruned, and those beyond the own one, are passed over. Costs 32 bytes and two hashes a leaf, and a
 * signature only where a root differs: a head that the log has not signed contradicts nothing. One that several places hold is named once. Rejects with `TLOG_DAMAGED` when
 * tiles are missing that stand for the pruned leaves.
 */
export async function searchForks(
  tlog: Tlog,
  own: Checkpoint,
  elsewhere: readonly KnownHead[],
  { store, files }: ForkPorts,
): Promise<ForkSearch> {
  const key = parseVkey(tlog.vkey);
  const nodes = tileNodes(own.size, (path) => files.read(path));
  const waiting = elsewhere
    .filter(({ head }) => head.size > tlog.minimumIndex)
    .toSorted((one, other) => other.head.size - one.head.size);
  const forked: KnownHead[] = [];
  let { edge } = await logEndAtTile(tlog.minimumIndex, nodes);
  for (let from = tlog.minimumIndex; from < own.size; from += TILE_WIDTH) {
    const tile = { level: 0, index: from / TILE_WIDTH, width: Math.min(TILE_WIDTH, own.size - from) };
    const end = from + tile.width;
    const hashes = await readHashes(tile, files);
    if (!hashes) return { kind: "unknown", why: `tlog/${tilePath(tile)} is missing or not whole` };
    const heads: KnownHead[] = [];
    while ((waiting.at(-1)?.head.size ?? Infinity) <= end) heads.push(waiting.pop()!);
    heads.push(...(await storedHeads(tlog.origin, from + 1, end, store)));
    const seen = new Set<string>();
    for (const known of heads.toSorted((one, other) => one.head.size - other.head.size)) {
      const { head, checkpoint } = known;
      ({ edge } = grow(edge, hashes.slice(edge.size - from, head.size - from)));
      if (head.root.equals(foldPeaks(edge.peaks)) || seen.has(checkpoint)) continue;
      seen.add(checkpoint);
      if (readSignedCheckpoint(checkpoint, key)) forked.push(known);
    }
    ({ edge } = grow(edge, hashes.slice(edge.size - from)));
  }
  if (foldPeaks(edge.peaks).equals(own.root)) return { kind: "told", forked };
  // While the tiles above still say what was signed, a file is damaged and nobody has made other leaves.
  if (!(await rootOf(own.size, nodes)).equals(own.root)) return { kind: "changed" };
  return { kind: "unknown", why: "tiles in tlog/tile/0 are not what those above them were made of" };
}

async function storedHeads(origin: string, from: number, to: number, store: ForkPorts["store"]) {
  const heads: KnownHead[] = [];
  for await (const { size, checkpoint } of headsBetween(origin, from, to, store)) {
    const claimed = claimedHead("the database", checkpoint, origin);
    if (claimed?.head.size === size) heads.push(claimed);
  }
  return heads;
}
