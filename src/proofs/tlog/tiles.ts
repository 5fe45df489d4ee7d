import { invariant } from "../../kernel/assert.ts";
import { CascadeError } from "../../kernel/errors.ts";
import { type Hash, hashChildren, type NodeReader } from "./merkle.ts";

/** Hashes in a full tile, and entries in a full bundle: tiles are 8 levels high (https://c2sp.org/tlog-tiles). */
export const TILE_WIDTH = 256;

/** Consecutive hashes of one level of the tree: at level L, those of the complete subtrees of 256^L leaves. */
export interface Tile {
  level: number;
  index: number;
  /** 1 to 256; 256 is a full tile. */
  width: number;
}

const HASH_BYTES = 32;
const TILE_HEIGHT = 8;
const MAX_LEVEL = 63;
const MAX_ENTRY_BYTES = 65_535;
const PATH = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,3}))?$/;

/** Where a hash tile lies below the log's address: `tile/0/x001/067`, or `tile/0/x001/067.p/5` when it is partial. */
export function tilePath({ level, index, width }: Tile): string {
  return pathOf(String(level), index, width);
}

/** Where the bundle of the entries of the level 0 tile `index` lies: `tile/entries/x001/067`, with `.p/5` when it is partial. */
export function entriesPath(index: number, width: number): string {
  return pathOf("entries", index, width);
}

/** Reads the one spelling that `tilePath` and `entriesPath` give; undefined for anything else. */
export function parseTilePath(
  path: string,
): ({ kind: "tile" } & Tile) | { kind: "entries"; index: number; width: number } | undefined {
  const [, level, groups, partial] = PATH.exec(path) ?? [];
  if (level === undefined || groups === undefined) return undefined;
  const index = Number(groups.replaceAll(/[x/]/g, ""));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  if (!Number.isSafeInteger(index) || width < 1 || width > TILE_WIDTH) return undefined;
  if (level !== "entries" && Number(level) > MAX_LEVEL) return undefined;
  // Refuses leading zeroes, a full width spelled as a partial one and a needless x000.
  if (pathOf(level === "entries" ? level : String(Number(level)), index, width) !== path) return undefined;
  return level === "entries" ? { kind: "entries", index, width } : { kind: "tile", level: Number(level), index, width };
}

/** The bytes of an entry bundle: each entry after its length, a big-endian uint16, so an entry has at most 65,535 bytes. */
export function encodeEntries(entries: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    invariant(entry.length <= MAX_ENTRY_BYTES, `an entry of a log has at most ${MAX_ENTRY_BYTES} bytes`);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(entry.length);
    parts.push(length, entry);
  }
  return Buffer.concat(parts);
}

/** The entries of a bundle, as views of its bytes; undefined when it ends within an entry. */
export function decodeEntries(bytes: Uint8Array): Buffer[] | undefined {
  const bundle = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: Buffer[] = [];
  let at = 0;
  while (at < bundle.length) {
    if (at + 2 > bundle.length) return undefined;
    const end = at + 2 + bundle.readUInt16BE(at);
    if (end > bundle.length) return undefined;
    entries.push(bundle.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

/**
 * Nodes of a log of `size` leaves out of its tiles; reads each tile once and keeps it. `readTile` gives undefined for a tile
 * that is not there; for a partial one the full tile is then taken, as a log may drop partial tiles that have become full.
 * The reader throws `TLOG_DAMAGED` for a tile that is missing or has a wrong length. It checks no hashes: a root out of it is
 * to be compared with a checkpoint's, a path to be verified.
 */
export function tileNodes(size: number, readTile: (path: string) => Promise<Buffer | undefined>): NodeReader {
  const widths = levelsOf(size);
  const tiles = new Map<string, Promise<SubtreeRoots>>();

  const load = (tile: Tile): Promise<SubtreeRoots> => {
    const path = tilePath(tile);
    const known = tiles.get(path);
    if (known) return known;
    const loading = loadTile(tile, readTile).then(subtreeRoots);
    tiles.set(path, loading);
    return loading;
  };

  return async (nodeLevel, nodeIndex) => {
    const [level, height] = [Math.floor(nodeLevel / TILE_HEIGHT), nodeLevel % TILE_HEIGHT];
    const count = 2 ** height;
    const first = nodeIndex * count;
    const hashes = widths[level] ?? 0;
    invariant(first + count <= hashes, `the log has a complete subtree ${nodeIndex} at level ${nodeLevel}`);
    const index = Math.floor(first / TILE_WIDTH);
    const rootAt = await load({ level, index, width: Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH) });
    return rootAt(height, nodeIndex - (index * TILE_WIDTH) / count);
  };
}

async function loadTile(tile: Tile, readTile: (path: string) => Promise<Buffer | undefined>): Promise<Buffer> {
  const path = tilePath(tile);
  const bytes = await readTile(path);
  if (bytes) return expectWidth(path, bytes, tile.width);
  if (tile.width === TILE_WIDTH) throw damaged(path, "is missing");
  const fullPath = tilePath({ ...tile, width: TILE_WIDTH });
  const full = await readTile(fullPath);
  if (!full) throw damaged(path, "is missing, and so is the full tile");
  return expectWidth(fullPath, full, TILE_WIDTH);
}

function expectWidth(path: string, bytes: Buffer, width: number): Buffer {
  if (bytes.length === width * HASH_BYTES) return bytes;
  throw damaged(path, `has ${bytes.length} bytes instead of ${width * HASH_BYTES}`);
}

function damaged(path: string, what: string): CascadeError {
  return new CascadeError("TLOG_DAMAGED", `the log's file ${path} ${what}`);
}

/** The root of the `index`th complete subtree of a height within a tile. */
type SubtreeRoots = (height: number, index: number) => Hash;

/** Of a whole tile at most 255 hashes are computed, each once: the paths of its leaves would need a thousand times as many. */
function subtreeRoots(tile: Buffer): SubtreeRoots {
  const known: Hash[][] = [];
  const rootAt: SubtreeRoots = (height, index) => {
    if (height === 0) return tile.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
    const row = (known[height] ??= []);
    return (row[index] ??= hashChildren(rootAt(height - 1, 2 * index), rootAt(height - 1, 2 * index + 1)));
  };
  return rootAt;
}

/** How many hashes each tile level of a log has, up to the last level that has any. */
function levelsOf(size: number): number[] {
  invariant(Number.isSafeInteger(size) && size >= 0, "a log's size is a safe integer that is not negative");
  const levels: number[] = [];
  for (let hashes = size; hashes > 0; hashes = Math.floor(hashes / TILE_WIDTH)) levels.push(hashes);
  return levels;
}

function pathOf(level: string, index: number, width: number): string {
  invariant(Number.isSafeInteger(index) && index >= 0, "a tile's index is a safe integer that is not negative");
  invariant(Number.isInteger(width) && width >= 1 && width <= TILE_WIDTH, "a tile holds 1 to 256 hashes");
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").replaceAll(/\d{3}(?=\d)/g, "x$&/");
  return `tile/${level}/${groups}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
}
