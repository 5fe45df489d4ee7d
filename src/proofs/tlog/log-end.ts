import type { TlogFiles } from "../../ports/tlog-files.ts";
import type { LogEnd } from "./appender.ts";
import { type Hash, hashChildren, hashLeaf, type NodeReader } from "./merkle.ts";
import { readEntries, readHashes } from "./tile-reading.ts";
import { TILE_WIDTH } from "./tiles.ts";

/**
 * The end of a log of some size, out of its files. Undefined when one of them is missing or not whole; whether the hashes are
 * those that were signed is for the caller to find out by the root.
 */
export async function readLogEnd(size: number, files: Pick<TlogFiles, "read">): Promise<LogEnd | undefined> {
  const openTiles: Hash[][] = [];
  for (let level = 0; TILE_WIDTH ** level <= size; level++) {
    const count = Math.floor(size / TILE_WIDTH ** level);
    const width = count % TILE_WIDTH;
    const hashes = width === 0 ? [] : await readHashes({ level, index: Math.floor(count / TILE_WIDTH), width }, files);
    if (!hashes) return undefined;
    openTiles.push(hashes);
  }
  const open = size % TILE_WIDTH;
  const openEntries = open === 0 ? [] : await readEntries(Math.floor(size / TILE_WIDTH), open, files);
  if (!openEntries?.every((entry, index) => openTiles[0]?.[index]?.equals(hashLeaf(entry)))) return undefined;
  return { edge: { size, peaks: peaksOf(openTiles) }, openTiles, openEntries };
}

/** The end of a log whose size is a multiple of 256, out of the nodes of a larger one: what a walk can begin with. */
export async function logEndAtTile(size: number, read: NodeReader): Promise<LogEnd> {
  const openTiles: Hash[][] = [];
  for (let level = 0; TILE_WIDTH ** level <= size; level++) {
    const count = Math.floor(size / TILE_WIDTH ** level);
    const first = count - (count % TILE_WIDTH);
    openTiles.push(await Promise.all(Array.from({ length: count - first }, (_, at) => read(8 * level, first + at))));
  }
  return { edge: { size, peaks: peaksOf(openTiles) }, openTiles, openEntries: [] };
}

/** A tile spans 8 levels, so the peaks of those levels are made of the hashes of the one tile that is not full. */
function peaksOf(openTiles: readonly (readonly Hash[])[]): Hash[] {
  return openTiles.toReversed().flatMap((hashes) => {
    const peaks: Hash[] = [];
    let start = 0;
    for (let width = TILE_WIDTH / 2; width >= 1; width /= 2) {
      if (hashes.length - start < width) continue;
      peaks.push(subtree(hashes.slice(start, start + width)));
      start += width;
    }
    return peaks;
  });
}

function subtree(hashes: readonly Hash[]): Hash {
  if (hashes.length === 1) return hashes[0]!;
  const middle = hashes.length / 2;
  return hashChildren(subtree(hashes.slice(0, middle)), subtree(hashes.slice(middle)));
}
