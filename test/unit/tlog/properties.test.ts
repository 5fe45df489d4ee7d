import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emptyLog, nextEnd } from "../../../src/proofs/tlog/appender.ts";
import {
  consistencyPath,
  type Hash,
  hashChildren,
  hashLeaf,
  inclusionPath,
  type NodeReader,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from "../../../src/proofs/tlog/merkle.ts";
import {
  decodeEntries,
  encodeEntries,
  entriesPath,
  parseTilePath,
  tileNodes,
  tilePath,
} from "../../../src/proofs/tlog/tiles.ts";
import { formatTlogProof, parseTlogProof, type TlogProof } from "../../../src/proofs/tlog/tlog-proof.ts";
import { countedLeaves, edgeTiles, naiveNodes, naiveRoot, naiveTiles } from "../../support/naive-log.ts";

const ordinary = hashLeaf(Buffer.from("ordinary"));

/**
 * Nodes of a log of any size that is ordinary but for a few leaves, computed from their indexes: a subtree without such a
 * leaf has the same hash wherever it is.
 */
function sparseNodes(special: ReadonlySet<number>): NodeReader {
  const ordinaryAt = [ordinary];
  for (let level = 1; level <= 53; level++) {
    const below = ordinaryAt[level - 1]!;
    ordinaryAt.push(hashChildren(below, below));
  }
  const node = (level: number, index: number): Hash => {
    const width = 2 ** level;
    if (![...special].some((leaf) => Math.floor(leaf / width) === index)) return ordinaryAt[level]!;
    if (level === 0) return specialHash(index);
    return hashChildren(node(level - 1, index * 2), node(level - 1, index * 2 + 1));
  };
  return async (level, index) => node(level, index);
}

function specialHash(index: number): Hash {
  return hashLeaf(Buffer.from(`special ${index}`));
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[(at >> 3) % copy.length]! ^= 1 << (at & 7);
  return copy;
}

const small = fc.integer({ min: 1, max: 2000 });
const huge = fc.oneof(
  fc.integer({ min: 2 ** 31 - 2, max: 2 ** 33 }),
  fc.integer({ min: 2 ** 39, max: 2 ** 40 }),
  fc.integer({ min: 2 ** 52, max: Number.MAX_SAFE_INTEGER }),
  fc.integer({ min: 30, max: 52 }).map((power) => 2 ** power),
);
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const bit = fc.nat({ max: 255 });

/** Every proof of the log is good, and none is with a bit flipped anywhere in it. */
async function expectProofs(size: number, index: number, from: number, read: NodeReader, bitAt: number): Promise<void> {
  const root = await rootOf(size, read);
  const inclusion = { leafHash: await read(0, index), index, size, path: await inclusionPath(index, size, read), root };
  expect(verifyInclusion(inclusion)).toBeUndefined();
  expect(verifyInclusion({ ...inclusion, leafHash: flipped(inclusion.leafHash, bitAt) })).toBeDefined();
  expect(verifyInclusion({ ...inclusion, root: flipped(root, bitAt) })).toBeDefined();
  for (const [step, hash] of inclusion.path.entries()) {
    expect(verifyInclusion({ ...inclusion, path: inclusion.path.with(step, flipped(hash, bitAt)) })).toBeDefined();
  }
  const path = await consistencyPath(from, size, read);
  const consistency = { from, to: size, path, fromRoot: await rootOf(from, read), toRoot: root };
  expect(verifyConsistency(consistency)).toBeUndefined();
  expect(verifyConsistency({ ...consistency, fromRoot: flipped(consistency.fromRoot, bitAt) })).toBeDefined();
  if (from > 0) expect(verifyConsistency({ ...consistency, toRoot: flipped(root, bitAt) })).toBeDefined();
  for (const [step, hash] of path.entries()) {
    expect(verifyConsistency({ ...consistency, path: path.with(step, flipped(hash, bitAt)) })).toBeDefined();
  }
}

describe("any log", () => {
  it("has paths that lead to the roots of RFC 6962, and to nothing else", async () => {
    const leaves = countedLeaves(2000);
    await fc.assert(
      fc.asyncProperty(small, place, place, bit, async (size, leafAt, fromAt, bitAt) => {
        const read = naiveNodes(leaves.slice(0, size));
        expect(await rootOf(size, read)).toEqual(naiveRoot(leaves.slice(0, size)));
        await expectProofs(size, Math.floor(leafAt * size), Math.floor(fromAt * (size + 1)), read, bitAt);
      }),
    );
  });

  it("has them when it is huge, beyond 32 bits and up to 2^53 - 1", async () => {
    await fc.assert(
      fc.asyncProperty(huge, place, place, bit, async (size, leafAt, fromAt, bitAt) => {
        const index = Math.floor(leafAt * size);
        const from = Math.min(Math.floor(fromAt * (size + 1)), size);
        const read = sparseNodes(new Set([0, index, size - 1, Math.max(0, from - 1)]));
        await expectProofs(size, index, from, read, bitAt);
        const path = await inclusionPath(index, size, read);
        expect(path.length).toBeLessThanOrEqual((size - 1).toString(2).length);
        const root = await rootOf(size, read);
        // The leaf is unlike its neighbours, so it is nowhere else.
        const elsewhere = index === 0 ? 1 : index - 1;
        expect(verifyInclusion({ leafHash: specialHash(index), index: elsewhere, size, path, root })).toBeDefined();
      }),
    );
  });

  it("has the same nodes out of tiles, in those that its edge and the full tiles before it are", async () => {
    await fc.assert(
      fc.asyncProperty(huge, place, async (size, leafAt) => {
        const index = Math.floor(leafAt * size);
        const read = sparseNodes(new Set([index, size - 1]));
        const edge = new Map(edgeTiles(size).map((tile) => [tilePath(tile), tile]));
        const nodes = tileNodes(size, async (path) => {
          const tile = parseTilePath(path);
          if (tile?.kind !== "tile") throw new Error(`${path} is not the path of a tile`);
          expect(tile.width === 256 || edge.has(path), path).toBe(true);
          const hashes = Array.from({ length: tile.width }, (_, at) => read(tile.level * 8, tile.index * 256 + at));
          return Buffer.concat(await Promise.all(hashes));
        });
        expect(await rootOf(size, nodes)).toEqual(await rootOf(size, read));
        expect(await inclusionPath(index, size, nodes)).toEqual(await inclusionPath(index, size, read));
      }),
      { numRuns: 30 },
    );
  });
});

describe("a log that grows", () => {
  const hashTiles = (files: readonly { path: string; bytes: Buffer }[]) =>
    files.filter(({ path }) => parseTilePath(path)?.kind === "tile");
  const steps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 5 });

  it("gets tiles that are those of a log built at once, and gives every root on the way", async () => {
    const leaves = countedLeaves(2000);
    await fc.assert(
      fc.asyncProperty(steps, async (growth) => {
        const stored = new Map<string, Buffer>();
        let size = 0;
        let end = emptyLog;
        const sizes = [0];
        for (const more of growth) {
          const step = nextEnd(end, leaves.slice(size, size + more));
          for (const { path, bytes } of hashTiles(step.files)) {
            expect(stored.has(path), `${path} is written once`).toBe(false);
            stored.set(path, bytes);
          }
          end = step.next;
          sizes.push((size += more));
        }
        for (const [path, bytes] of await naiveTiles(leaves.slice(0, size))) expect(stored.get(path)).toEqual(bytes);
        for (const each of sizes) {
          const nodes = tileNodes(each, async (path) => stored.get(path));
          expect(await rootOf(each, nodes)).toEqual(naiveRoot(leaves.slice(0, each)));
        }
      }),
      { numRuns: 30 },
    );
  });

  it("has new content in exactly the tiles that are named, in order", async () => {
    const leaves = countedLeaves(1500);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 1500 }), fc.nat({ max: 1500 }), async (one, other) => {
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        const before = await naiveTiles(leaves.slice(0, from));
        const after = await naiveTiles(leaves.slice(0, to));
        const changed = [...after].filter(([path, bytes]) => before.get(path)?.equals(bytes) !== true);
        const { files } = nextEnd(nextEnd(emptyLog, leaves.slice(0, from)).next, leaves.slice(from, to));
        expect(hashTiles(files).map(({ path, bytes }) => [path, bytes])).toEqual(changed);
      }),
      { numRuns: 50 },
    );
  });

  it("ends in the tiles of its edge, which are the last of all that were new", () => {
    const leaves = countedLeaves(67_000);
    fc.assert(
      fc.property(fc.oneof(fc.nat({ max: 3_000 }), fc.integer({ min: 65_000, max: 67_000 })), (size) => {
        const paths = hashTiles(nextEnd(emptyLog, leaves.slice(0, size)).files).map(({ path }) => path);
        const lastOfLevel = new Map(paths.map((path) => [path.split("/")[1], path]));
        expect(edgeTiles(size).map(tilePath)).toEqual([...lastOfLevel.values()]);
      }),
      { numRuns: 30 },
    );
  });
});

describe("any text of a log", () => {
  const level = fc.integer({ min: 0, max: 63 });
  const index = fc.oneof(fc.nat({ max: 5000 }), fc.maxSafeNat());
  const width = fc.integer({ min: 1, max: 256 });

  it("that is a path is read back as the tile or bundle it is of", () => {
    fc.assert(
      fc.property(level, index, width, (ofLevel, at, wide) => {
        const tile = { level: ofLevel, index: at, width: wide };
        expect(parseTilePath(tilePath(tile))).toEqual({ kind: "tile", ...tile });
        expect(parseTilePath(entriesPath(at, wide))).toEqual({ kind: "entries", index: at, width: wide });
      }),
    );
  });

  it("that is nearly a path is read only if it is the one spelling", () => {
    const nearly = fc.stringMatching(/^tile\/(entries|[0-9]{1,2})\/(x[0-9]{3}\/){0,2}[0-9]{3}(\.p\/[0-9]{1,3})?$/);
    fc.assert(
      fc.property(nearly, (path) => {
        const read = parseTilePath(path);
        if (!read) return;
        expect(read.kind === "tile" ? tilePath(read) : entriesPath(read.index, read.width)).toBe(path);
      }),
    );
  });

  it("that is a bundle is read back as its entries", () => {
    const entry = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
        expect(decodeEntries(encodeEntries(entries))).toEqual(entries);
      }),
    );
  });

  it("that is an offline proof is read back", () => {
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
    const extra = fc.option(fc.uint8Array({ minLength: 1, maxLength: 50 }).map((bytes) => Buffer.from(bytes)));
    fc.assert(
      fc.property(extra, index, fc.array(hash, { maxLength: 20 }), (more, at, path) => {
        const proof: TlogProof = { index: at, path, checkpoint: "log\n7\nroot\n\n— log sig\n" };
        if (more) proof.extra = more;
        expect(parseTlogProof(formatTlogProof(proof))).toEqual(proof);
      }),
    );
  });
});
