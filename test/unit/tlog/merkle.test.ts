import { describe, expect, it } from "vitest";
import {
  consistencyPath,
  EMPTY_ROOT,
  hashChildren,
  hashLeaf,
  inclusionPath,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from "../../../src/proofs/tlog/merkle.ts";
import { countedLeaves, naiveNodes, naiveRoot } from "../../support/naive-log.ts";

const leaves = countedLeaves(70);
const roots = Array.from({ length: 71 }, (_, size) => naiveRoot(leaves.slice(0, size)));

describe("the root of a log", () => {
  /** Computed by a program of its own, in another language. */
  const known: [number, string][] = [
    [0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    [1, "db3426e878068d28d269b6c87172322ce5372b65756d0789001d34835f601c03"],
    [2, "cb00989d94a569c0a678ae042b63dcd4625db96440517f37a6eb7976ea24ed4b"],
    [3, "725d5230db68f557470dc35f1d8865813acd7ebb07ad152774141decbae71327"],
    [7, "a3e23b32ccb6bf96d092d165d8aa546e09829de8f03b0e8957581d1e16b92bdf"],
    [8, "3b85a9626c1ccb64c6b95ec7fa64888defe2cf12e39e77e10812ce5fcb9cb58e"],
    [300, "84e13ec1e037155ae619757599b2cd21ada5a565e0fd9b3139c0c3c6c1b8ada9"],
  ];

  it.each(known)("is the known one at size %i", async (size, root) => {
    const all = countedLeaves(size);
    expect((await rootOf(size, naiveNodes(all))).toString("hex")).toBe(root);
    expect(naiveRoot(all).toString("hex")).toBe(root);
  });

  it("tells leaves from nodes", () => {
    const [left, right] = [hashLeaf(Buffer.from("a")), hashLeaf(Buffer.from("b"))];
    expect(hashChildren(left, right)).not.toEqual(hashLeaf(Buffer.concat([left, right])));
  });

  it("reads complete subtrees alone, as few as there are ones in the size", async () => {
    const read: string[] = [];
    const nodes = naiveNodes(leaves);
    await rootOf(70, (level, index) => {
      read.push(`${level}:${index}`);
      return nodes(level, index);
    });
    expect(read).toEqual(["6:0", "2:16", "1:34"]);
  });

  it.each([-1, 1.5, NaN, 2 ** 53])("is not asked for at size %d", (size) => {
    expect(() => rootOf(size, naiveNodes(leaves))).toThrow("broken invariant");
  });
});

describe("an inclusion path", () => {
  it("leads every leaf to the root at every size, and no other leaf", async () => {
    for (let size = 1; size <= 70; size++) {
      for (let index = 0; index < size; index++) {
        const path = await inclusionPath(index, size, naiveNodes(leaves));
        const proof = { leafHash: hashLeaf(leaves[index]!), index, size, path, root: roots[size]! };
        expect(verifyInclusion(proof)).toBeUndefined();
        expect(verifyInclusion({ ...proof, leafHash: hashLeaf(Buffer.from("other")) })).toBeDefined();
        const elsewhere = (index + 1) % size;
        if (size > 1) expect(verifyInclusion({ ...proof, index: elsewhere })).toBeDefined();
      }
    }
  });

  it("is the one of the example in RFC 6962 section 2.1.3", async () => {
    const seven = leaves.slice(0, 7);
    const [b, c, f, j] = [1, 2, 5, 6].map((index) => hashLeaf(seven[index]!));
    const [g, h, i] = [naiveRoot(seven.slice(0, 2)), naiveRoot(seven.slice(2, 4)), naiveRoot(seven.slice(4, 6))];
    const [k, l] = [naiveRoot(seven.slice(0, 4)), naiveRoot(seven.slice(4))];
    const read = naiveNodes(seven);
    expect(await inclusionPath(0, 7, read)).toEqual([b, h, l]);
    expect(await inclusionPath(3, 7, read)).toEqual([c, g, l]);
    expect(await inclusionPath(4, 7, read)).toEqual([f, j, k]);
    expect(await inclusionPath(6, 7, read)).toEqual([i, k]);
  });

  it("is refused with the reason", async () => {
    const path = await inclusionPath(3, 7, naiveNodes(leaves));
    const good = { leafHash: hashLeaf(leaves[3]!), index: 3, size: 7, path, root: roots[7]! };
    expect(verifyInclusion(good)).toBeUndefined();
    const reasons: [Partial<typeof good>, string][] = [
      [{ index: 7 }, "leaf 7 is beyond a log of 7 leaves"],
      [{ index: -1 }, "the index or the size is not a number that a log can have"],
      [{ index: 0.5 }, "the index or the size is not a number that a log can have"],
      [{ size: 2 ** 53 }, "the index or the size is not a number that a log can have"],
      [{ path: path.slice(1) }, "the path is too short"],
      [{ path: [...path, path[0]!] }, "the path is too long"],
      [{ path: [path[1]!, path[0]!, path[2]!] }, "the path leads to another root"],
      [{ root: roots[8]! }, "the path leads to another root"],
      [{ root: roots[7]!.subarray(1) }, "a hash is not 32 bytes long"],
      [{ leafHash: Buffer.alloc(33) }, "a hash is not 32 bytes long"],
      [{ path: [Buffer.alloc(0), ...path] }, "a hash is not 32 bytes long"],
    ];
    for (const [change, reason] of reasons) expect(verifyInclusion({ ...good, ...change })).toBe(reason);
  });

  it("is not asked for beyond the log", () => {
    expect(() => inclusionPath(7, 7, naiveNodes(leaves))).toThrow("broken invariant");
  });
});

describe("a consistency path", () => {
  it("shows that every size is the beginning of every larger one, and of no other log", async () => {
    const other = [Buffer.from("other"), ...leaves.slice(1)];
    const otherRoots = roots.map((_, size) => naiveRoot(other.slice(0, size)));
    for (let to = 1; to <= 40; to++) {
      for (let from = 0; from <= to; from++) {
        const path = await consistencyPath(from, to, naiveNodes(leaves));
        const proof = { from, to, path, fromRoot: roots[from]!, toRoot: roots[to]! };
        expect(verifyConsistency(proof), `${from} to ${to}`).toBeUndefined();
        if (from > 0) expect(verifyConsistency({ ...proof, fromRoot: otherRoots[from]! })).toBeDefined();
        if (from > 0) expect(verifyConsistency({ ...proof, toRoot: otherRoots[to]! })).toBeDefined();
      }
    }
  });

  it("is the one of the example in RFC 6962 section 2.1.3", async () => {
    const seven = leaves.slice(0, 7);
    const [c, d, j] = [2, 3, 6].map((index) => hashLeaf(seven[index]!));
    const [g, i] = [naiveRoot(seven.slice(0, 2)), naiveRoot(seven.slice(4, 6))];
    const [k, l] = [naiveRoot(seven.slice(0, 4)), naiveRoot(seven.slice(4))];
    const read = naiveNodes(seven);
    expect(await consistencyPath(3, 7, read)).toEqual([c, d, g, l]);
    expect(await consistencyPath(4, 7, read)).toEqual([l]);
    expect(await consistencyPath(6, 7, read)).toEqual([i, j, k]);
  });

  it("is empty from nothing and between equal sizes", async () => {
    expect(await consistencyPath(0, 7, naiveNodes(leaves))).toEqual([]);
    expect(await consistencyPath(7, 7, naiveNodes(leaves))).toEqual([]);
    expect(await consistencyPath(0, 0, naiveNodes(leaves))).toEqual([]);
    const empty = { from: 0, to: 0, path: [], fromRoot: EMPTY_ROOT, toRoot: EMPTY_ROOT };
    expect(verifyConsistency(empty)).toBeUndefined();
  });

  it("is refused with the reason", async () => {
    const path = await consistencyPath(3, 7, naiveNodes(leaves));
    const good = { from: 3, to: 7, path, fromRoot: roots[3]!, toRoot: roots[7]! };
    const equal = { from: 7, fromRoot: roots[7]!, path: [] };
    expect(verifyConsistency({ ...good, ...equal })).toBeUndefined();
    const reasons: [Partial<typeof good>, string][] = [
      [{ from: 8 }, "a log of 7 leaves cannot have grown from 8"],
      [{ from: -1 }, "a size is not a number that a log can have"],
      [{ to: Infinity }, "a size is not a number that a log can have"],
      [{ path: [] }, "the path is too short"],
      [{ path: path.slice(0, -1) }, "the path is too short"],
      [{ path: [...path, path[0]!] }, "the path is too long"],
      [{ fromRoot: roots[4]! }, "the path leads to another root of the smaller log"],
      [{ toRoot: roots[6]! }, "the path leads to another root of the larger log"],
      [{ path: [Buffer.alloc(0), ...path.slice(1)] }, "a hash is not 32 bytes long"],
      [{ ...equal, fromRoot: roots[6]! }, "there are two roots for one size"],
      [{ ...equal, path }, "the path is too long"],
      [{ from: 0, fromRoot: EMPTY_ROOT }, "the path is too long"],
      [{ from: 0, path: [] }, "the root of the empty log is another one"],
    ];
    for (const [change, reason] of reasons) expect(verifyConsistency({ ...good, ...change })).toBe(reason);
  });

  it("is not asked for backwards", () => {
    expect(() => consistencyPath(8, 7, naiveNodes(leaves))).toThrow("broken invariant");
  });
});
