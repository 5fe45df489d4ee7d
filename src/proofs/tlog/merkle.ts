import { hash } from "node:crypto";
import { invariant } from "../../kernel/assert.ts";

/** SHA-256, 32 bytes. */
export type Hash = Buffer;

/** Hash of the complete subtree `index` at `level` (0 = leaf hashes), which covers leaves [index << level, (index+1) << level). */
export type NodeReader = (level: number, index: number) => Promise<Hash>;

/** Root of a log without leaves: the SHA-256 of nothing. */
export const EMPTY_ROOT: Hash = hash("sha256", "", "buffer");

const LEAF_PREFIX = Buffer.of(0);
const NODE_PREFIX = Buffer.of(1);

/** Hash of a leaf, RFC 6962 section 2.1. */
export function hashLeaf(data: Uint8Array): Hash {
  return hash("sha256", Buffer.concat([LEAF_PREFIX, data]), "buffer");
}

/** Hash of a node over its two children, RFC 6962 section 2.1. */
export function hashChildren(left: Uint8Array, right: Uint8Array): Hash {
  return hash("sha256", Buffer.concat([NODE_PREFIX, left, right]), "buffer");
}

/** Root of the first `size` leaves. Sizes and indexes here are safe integers, so no 32-bit operator may touch them. */
export function rootOf(size: number, read: NodeReader): Promise<Hash> {
  invariant(isCount(size), "a log's size is a safe integer that is not negative");
  return size === 0 ? Promise.resolve(EMPTY_ROOT) : rangeRoot({ start: 0, end: size }, read);
}

/** The hashes that lead from leaf `index` to the root of the first `size` leaves, leaf to root (RFC 6962 section 2.1.1). */
export function inclusionPath(index: number, size: number, read: NodeReader): Promise<Hash[]> {
  invariant(isCount(size) && isCount(index) && index < size, "a leaf with an inclusion path lies in the log");
  const siblings: Range[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + leftWidth(end - start);
    if (index < middle) {
      siblings.push({ start: middle, end });
      end = middle;
    } else {
      siblings.push({ start, end: middle });
      start = middle;
    }
  }
  return rootsUpward(siblings, read);
}

/**
 * The hashes that show that the first `from` leaves of a log of `to` leaves are a log of their own (RFC 6962 section 2.1.2).
 * Empty when nothing is to be shown: from size 0, or between equal sizes.
 */
export function consistencyPath(from: number, to: number, read: NodeReader): Promise<Hash[]> {
  invariant(isCount(from) && isCount(to) && from <= to, "a log goes from a smaller size to a larger one");
  if (from === 0) return Promise.resolve([]);
  const siblings: Range[] = [];
  let [start, end] = [0, to];
  while (end !== from) {
    const middle = start + leftWidth(end - start);
    if (from <= middle) {
      siblings.push({ start: middle, end });
      end = middle;
    } else {
      siblings.push({ start, end: middle });
      start = middle;
    }
  }
  // What is left is a subtree that both logs share. As a whole log of its own it is the root that a verifier has already.
  if (start !== 0) siblings.push({ start, end });
  return rootsUpward(siblings, read);
}

/** Why the path does not show that the leaf is in the log of that root (RFC 9162 section 2.1.3.2); undefined when it does. */
export function verifyInclusion(proof: {
  leafHash: Hash;
  index: number;
  size: number;
  path: readonly Hash[];
  root: Hash;
}): string | undefined {
  const { leafHash, index, size, path, root } = proof;
  if (!isCount(index) || !isCount(size)) return "the index or the size is not a number that a log can have";
  if (index >= size) return `leaf ${index} is beyond a log of ${size} leaves`;
  if (![leafHash, root, ...path].every(isHash)) return "a hash is not 32 bytes long";
  let [position, last] = [index, size - 1];
  let node = leafHash;
  for (const sibling of path) {
    if (last === 0) return "the path is too long";
    if (isOdd(position) || position === last) {
      node = hashChildren(sibling, node);
      // Here the right edge has no sibling on the levels in between.
      while (!isOdd(position) && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      node = hashChildren(node, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  if (last !== 0) return "the path is too short";
  return node.equals(root) ? undefined : "the path leads to another root";
}

/**
 * Why the path does not show that the smaller log is the beginning of the larger one (RFC 9162 section 2.1.4.2); undefined
 * when it does. Equal sizes need equal roots, and every log begins with the empty one: neither takes a path.
 */
export function verifyConsistency(proof: {
  from: number;
  to: number;
  path: readonly Hash[];
  fromRoot: Hash;
  toRoot: Hash;
}): string | undefined {
  const { from, to, path, fromRoot, toRoot } = proof;
  if (!isCount(from) || !isCount(to)) return "a size is not a number that a log can have";
  if (from > to) return `a log of ${to} leaves cannot have grown from ${from}`;
  if (from === to && !fromRoot.equals(toRoot)) return "there are two roots for one size";
  if (from === to && from > 0) return path.length === 0 ? undefined : "the path is too long";
  if (![fromRoot, toRoot, ...path].every(isHash)) return "a hash is not 32 bytes long";
  if (from === 0 && !fromRoot.equals(EMPTY_ROOT)) return "the root of the empty log is another one";
  if (from === 0) return path.length === 0 ? undefined : "the path is too long";
  // A log whose size is a power of two is a subtree of the larger one, so the path leaves out its root.
  const [seed, ...rest] = from === 2 ** heightWithin(from) ? [fromRoot, ...path] : path;
  if (seed === undefined) return "the path is too short";
  let [position, last] = [from - 1, to - 1];
  while (isOdd(position)) [position, last] = [half(position), half(last)];
  let [smaller, larger] = [seed, seed];
  for (const sibling of rest) {
    if (last === 0) return "the path is too long";
    if (isOdd(position) || position === last) {
      smaller = hashChildren(sibling, smaller);
      larger = hashChildren(sibling, larger);
      while (!isOdd(position) && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      larger = hashChildren(larger, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  if (last !== 0) return "the path is too short";
  if (!smaller.equals(fromRoot)) return "the path leads to another root of the smaller log";
  return larger.equals(toRoot) ? undefined : "the path leads to another root of the larger log";
}

function isHash(value: Hash): boolean {
  return value.length === 32;
}

function isOdd(value: number): boolean {
  return value % 2 === 1;
}

function half(value: number): number {
  return Math.floor(value / 2);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Height of the largest complete subtree that fits into `count` leaves. */
function heightWithin(count: number): number {
  let height = 0;
  while (2 ** (height + 1) <= count) height++;
  return height;
}

/** Leaves [start, end), as RFC 6962 cuts them: `start` is a multiple of a power of two that is not below the length. */
interface Range {
  start: number;
  end: number;
}

/** How many of `count` leaves go to the left: the largest power of two below it. */
function leftWidth(count: number): number {
  return 2 ** heightWithin(count - 1);
}

function rootsUpward(ranges: readonly Range[], read: NodeReader): Promise<Hash[]> {
  return Promise.all(ranges.toReversed().map((range) => rangeRoot(range, read)));
}

async function rangeRoot({ start, end }: Range, read: NodeReader): Promise<Hash> {
  const nodes: Promise<Hash>[] = [];
  let at = start;
  while (at < end) {
    const level = heightWithin(end - at);
    nodes.push(read(level, at / 2 ** level));
    at += 2 ** level;
  }
  return (await Promise.all(nodes)).reduceRight((right, left) => hashChildren(left, right));
}
