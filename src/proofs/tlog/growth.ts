import { EMPTY_ROOT, type Hash, hashChildren } from "./merkle.ts";

/** The right-hand edge of a tree: the roots of its complete subtrees, the largest first. All that is needed to append. */
export interface Edge {
  size: number;
  peaks: readonly Hash[];
}

export const emptyEdge: Edge = { size: 0, peaks: [] };

/** A tree after some leaves were appended. */
export interface Growth {
  edge: Edge;
  root: Hash;
  /** The complete subtree `index` at `level`, if it holds an appended leaf. Throws for any other. */
  node(level: number, index: number): Hash;
  /** The inclusion path of an appended leaf in the grown tree, by RFC 6962. */
  path(index: number): Hash[];
}

/**
 * Appends leaves to a tree of which only the edge is known. Costs two hashes a leaf at most; the path of each appended leaf is
 * then looked up without hashing, because whatever lies left of the appended leaves is one of the former peaks.
 */
export function grow(before: Edge, leaves: readonly Hash[]): Growth {
  const from = before.size;
  const size = from + leaves.length;
  const formerPeaks = peaksByLevel(before);
  const levels: { offset: number; nodes: Hash[] }[] = [{ offset: from, nodes: [...leaves] }];

  function node(level: number, index: number): Hash {
    const { offset, nodes } = levels[level]!;
    const found = index >= offset ? nodes[index - offset] : index === offset - 1 ? formerPeaks.get(level) : undefined;
    if (!found) throw new RangeError(`node ${index} at level ${level} is not known`);
    return found;
  }

  for (let level = 1; 2 ** level <= size; level++) {
    const offset = Math.floor(from / 2 ** level);
    const end = Math.floor(size / 2 ** level);
    const nodes: Hash[] = [];
    levels.push({ offset, nodes });
    for (let index = offset; index < end; index++) {
      nodes.push(hashChildren(node(level - 1, 2 * index), node(level - 1, 2 * index + 1)));
    }
  }

  const peaks = levelsOf(size).map((level) => node(level, Math.floor(size / 2 ** level) - 1));
  const edge = { size, peaks };
  const tails = new Map<number, Hash>();

  /** The hash of the leaves from `start`, the first of a peak, to the end. */
  function tail(start: number): Hash {
    let hash = tails.get(start);
    if (!hash) tails.set(start, (hash = foldPeaks(peaksFrom(edge, start))));
    return hash;
  }

  return {
    edge,
    root: foldPeaks(peaks),
    node,
    path(index) {
      const path: Hash[] = [];
      for (let level = 0; 2 ** level < size; level++) {
        const position = Math.floor(index / 2 ** level);
        if (position % 2 === 1) {
          path.push(node(level, position - 1));
          continue;
        }
        const start = (position + 1) * 2 ** level;
        if (start >= size) continue;
        path.push(start + 2 ** level <= size ? node(level, position + 1) : tail(start));
      }
      return path;
    },
  };
}

/** The root of a tree out of its edge. */
export function foldPeaks(peaks: readonly Hash[]): Hash {
  if (peaks.length === 0) return EMPTY_ROOT;
  return peaks.reduceRight((right, left) => hashChildren(left, right));
}

/** The levels of the peaks, the largest first: the ones in the binary form of the size. */
function levelsOf(size: number): number[] {
  const levels: number[] = [];
  for (let level = 0; 2 ** level <= size; level++) {
    if (Math.floor(size / 2 ** level) % 2 === 1) levels.unshift(level);
  }
  return levels;
}

function peaksByLevel({ size, peaks }: Edge): Map<number, Hash> {
  return new Map(levelsOf(size).map((level, index) => [level, peaks[index]!]));
}

function peaksFrom({ size, peaks }: Edge, start: number): Hash[] {
  let at = 0;
  return levelsOf(size).flatMap((level, index) => {
    const isFrom = at >= start;
    at += 2 ** level;
    return isFrom ? [peaks[index]!] : [];
  });
}
