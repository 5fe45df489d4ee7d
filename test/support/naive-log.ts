import { createHash } from "node:crypto";
import { TILE_WIDTH, type Tile, tilePath } from "../../src/proofs/tlog/tiles.ts";
import type { NodeReader } from "../../src/proofs/tlog/merkle.ts";

/** The Merkle tree hash as RFC 6962 section 2.1 defines it, word for word: slow, and no code of the project is behind it. */
export function naiveRoot(leaves: readonly Buffer[]): Buffer {
  const sha256 = (...parts: Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return sha256(Buffer.of(0), leaves[0]!);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha256(Buffer.of(1), naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

/** The leaves `0`, `1`, `2` and so on as text. */
export function countedLeaves(size: number): Buffer[] {
  return Array.from({ length: size }, (_, index) => Buffer.from(String(index)));
}

/** Nodes of a log out of its leaves; refuses nodes that are not complete subtrees of it. */
export function naiveNodes(leaves: readonly Buffer[]): NodeReader {
  return async (level, index) => {
    const [start, end] = [index * 2 ** level, (index + 1) * 2 ** level];
    if (!Number.isInteger(start) || end > leaves.length) throw new Error(`no subtree ${index} at level ${level}`);
    return naiveRoot(leaves.slice(start, end));
  };
}

/** The bytes of a hash tile of that log. */
export async function naiveTile(leaves: readonly Buffer[], { level, index, width }: Tile): Promise<Buffer> {
  const span = TILE_WIDTH ** level;
  const hashes = Array.from({ length: width }, (_, offset) => {
    const start = (index * TILE_WIDTH + offset) * span;
    return naiveRoot(leaves.slice(start, start + span));
  });
  return Buffer.concat(hashes);
}

/** The last tile of every level of a log of that size, partial or, when the size ends on it, full. */
export function edgeTiles(size: number): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const index = Math.ceil(hashes / TILE_WIDTH) - 1;
    tiles.push({ level, index, width: hashes - index * TILE_WIDTH });
  }
  return tiles;
}

/** Every hash tile of that log by its path, full and partial. */
export async function naiveTiles(leaves: readonly Buffer[]): Promise<Map<string, Buffer>> {
  const tiles = new Map<string, Buffer>();
  for (let level = 0, hashes = leaves.length; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    for (let index = 0; index * TILE_WIDTH < hashes; index++) {
      const tile = { level, index, width: Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH) };
      tiles.set(tilePath(tile), await naiveTile(leaves, tile));
    }
  }
  return tiles;
}
