import { CascadeError } from "../../kernel/errors.ts";
import type { CrashPoint } from "../../kernel/crash-points.ts";
import type { TlogFiles, TlogMark } from "../../ports/tlog-files.ts";
import type { TlogSigner } from "../../ports/tlog-signer.ts";
import { type Edge, emptyEdge, foldPeaks, grow, type Growth } from "./growth.ts";
import { consistencyPath, type Hash, hashLeaf, verifyConsistency } from "./merkle.ts";
import { signCheckpoint } from "./signed-checkpoint.ts";
import { encodeEntries, entriesPath, TILE_WIDTH, tileNodes, tilePath } from "./tiles.ts";
import type { TlogHead } from "../../domain/tlog.ts";

/** The end of a log: what the next leaves are appended to. */
export interface LogEnd {
  edge: Edge;
  /** By tile level: the hashes of the tile that is not full yet. */
  openTiles: readonly (readonly Hash[])[];
  /** The entries of the bundle that is not full yet. */
  openEntries: readonly Buffer[];
}

export const emptyLog: LogEnd = { edge: emptyEdge, openTiles: [], openEntries: [] };

export interface AppenderPorts {
  files: TlogFiles;
  mark: TlogMark;
  signer: TlogSigner;
  crashPoint: CrashPoint;
}

/** Appends to the log of one origin. One call at a time. */
export interface Appender {
  size(): number;
  /**
   * Appends the leaves, given by their bodies, and publishes a signed head over them. When it rejects, nothing was signed, or
   * it was signed and not yet published; the same leaves may be appended again in the first case, and `size` tells which.
   * Rejects with `TLOG_DAMAGED` when the files of the log are not what was written.
   */
  append(bodies: readonly Buffer[]): Promise<{ head: TlogHead; growth: Growth }>;
}

export function createAppender(start: LogEnd, { files, mark, signer, crashPoint }: AppenderPorts): Appender {
  let end = start;

  async function writeTiles({ next, files: tiles }: NextEnd): Promise<void> {
    await files.writeTiles(tiles);
    crashPoint("tlog-tiles-written");
    const { edge } = next;
    const before = end.edge.size;
    // From the files as they lie there now, not from what this process believes to have written.
    const read = tileNodes(edge.size, (path) => files.read(path));
    const path = await consistencyPath(before, edge.size, read);
    const fromRoot = before === 0 ? undefined : foldPeaks(end.edge.peaks);
    const problem =
      fromRoot && verifyConsistency({ from: before, to: edge.size, path, fromRoot, toRoot: foldPeaks(edge.peaks) });
    if (problem !== undefined) {
      throw new CascadeError("TLOG_DAMAGED", `the tiles of ${edge.size} leaves do not continue the log: ${problem}`);
    }
  }

  return {
    size: () => end.edge.size,
    async append(bodies) {
      const step = nextEnd(end, bodies);
      await writeTiles(step);
      const { size } = step.next.edge;
      const checkpoint = await signCheckpoint({ size, root: step.growth.root }, signer);
      await files.writeLastSigned(checkpoint);
      end = step.next;
      crashPoint("tlog-head-signed");
      await files.publish(checkpoint);
      crashPoint("tlog-head-published");
      await mark.write(signer.origin, checkpoint);
      for (const path of step.filled) await files.removePartials(path);
      return { head: { size, checkpoint }, growth: step.growth };
    },
  };
}

interface NextEnd {
  next: LogEnd;
  growth: Growth;
  /** The tiles that are new for the new size. */
  files: readonly { path: string; bytes: Buffer }[];
  /** Paths of tiles that are full now: their partial ones can go. */
  filled: readonly string[];
}

/** What the log is after the leaves, as plain data: nothing is written. */
export function nextEnd({ edge, openTiles, openEntries }: LogEnd, bodies: readonly Buffer[]): NextEnd {
  const growth = grow(edge, bodies.map(hashLeaf));
  const files: { path: string; bytes: Buffer }[] = [];
  const filled: string[] = [];
  const from = edge.size;
  const { size } = growth.edge;

  /** Cuts a row of items, the first of them at a tile's begin, into files; returns the items of the one that is not full. */
  function cut<Item>(
    items: readonly Item[],
    firstTile: number,
    name: (index: number, width: number) => string,
    bytesOf: (items: readonly Item[]) => Buffer,
  ): readonly Item[] {
    for (let start = 0; start < items.length; start += TILE_WIDTH) {
      const part = items.slice(start, start + TILE_WIDTH);
      const path = name(firstTile + start / TILE_WIDTH, part.length);
      files.push({ path, bytes: bytesOf(part) });
      if (part.length < TILE_WIDTH) return part;
      filled.push(path);
    }
    return [];
  }

  const entries = [...openEntries, ...bodies];
  const nextEntries = cut(entries, Math.floor(from / TILE_WIDTH), entriesPath, encodeEntries);
  const nextTiles: (readonly Hash[])[] = [];
  for (let level = 0; TILE_WIDTH ** level <= size; level++) {
    const [known, count] = [Math.floor(from / TILE_WIDTH ** level), Math.floor(size / TILE_WIDTH ** level)];
    const hashes = [...(openTiles[level] ?? [])];
    if (known === count) {
      nextTiles.push(hashes);
      continue;
    }
    for (let index = known; index < count; index++) hashes.push(growth.node(8 * level, index));
    const name = (index: number, width: number) => tilePath({ level, index, width });
    nextTiles.push(cut(hashes, Math.floor(known / TILE_WIDTH), name, (part) => Buffer.concat(part)));
  }
  return { next: { edge: growth.edge, openTiles: nextTiles, openEntries: nextEntries }, growth, files, filled };
}
