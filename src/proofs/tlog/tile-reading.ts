import type { TlogFiles } from "../../ports/tlog-files.ts";
import type { Hash } from "./merkle.ts";
import { decodeEntries, entriesPath, type Tile, TILE_WIDTH, tilePath } from "./tiles.ts";

type Files = Pick<TlogFiles, "read">;

/** The hashes of a tile; undefined when it is missing or too short. A full tile stands for its partial ones, which may go. */
export async function readHashes({ level, index, width }: Tile, files: Files): Promise<Hash[] | undefined> {
  const path = (partial: number) => tilePath({ level, index, width: partial });
  const bytes = (await files.read(path(width))) ?? (await files.read(path(TILE_WIDTH)));
  if (!bytes || bytes.length < 32 * width) return undefined;
  return Array.from({ length: width }, (_, at) => bytes.subarray(32 * at, 32 * at + 32));
}

/** The first entries of a bundle, fewer than `width` when it ends before; undefined when it is missing or ends within one. */
export async function readEntries(index: number, width: number, files: Files): Promise<Buffer[] | undefined> {
  const bytes = (await files.read(entriesPath(index, width))) ?? (await files.read(entriesPath(index, TILE_WIDTH)));
  return bytes && decodeEntries(bytes)?.slice(0, width);
}
