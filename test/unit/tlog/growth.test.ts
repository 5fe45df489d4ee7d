import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emptyLog, type LogEnd, nextEnd } from "../../../src/proofs/tlog/appender.ts";
import { emptyEdge, foldPeaks, grow } from "../../../src/proofs/tlog/growth.ts";
import { readLogEnd } from "../../../src/proofs/tlog/log-end.ts";
import { hashLeaf, inclusionPath, rootOf } from "../../../src/proofs/tlog/merkle.ts";
import { decodeEntries, parseTilePath, tileNodes } from "../../../src/proofs/tlog/tiles.ts";
import { countedLeaves, naiveNodes, naiveRoot, naiveTiles } from "../../support/naive-log.ts";

const sizes = fc.integer({ min: 1, max: 700 });

describe("a tree of which only the edge is known", () => {
  it("has, after any appends, the root that RFC 6962 defines, and the path of every leaf appended", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }), async (steps) => {
        let edge = emptyEdge;
        for (const step of steps) {
          const size = edge.size + step;
          const leaves = countedLeaves(size);
          const growth = grow(edge, leaves.slice(edge.size).map(hashLeaf));
          expect(growth.root).toEqual(naiveRoot(leaves));
          const nodes = naiveNodes(leaves);
          for (let index = edge.size; index < size; index++) {
            expect(growth.path(index)).toEqual(await inclusionPath(index, size, nodes));
          }
          edge = growth.edge;
          expect(foldPeaks(edge.peaks)).toEqual(growth.root);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("counts past what fits 32 bits", () => {
    const edge = { size: 2 ** 40, peaks: [hashLeaf(Buffer.from("the past"))] };
    const growth = grow(edge, countedLeaves(3).map(hashLeaf));
    expect(growth.edge.size).toBe(2 ** 40 + 3);
    expect(growth.path(2 ** 40 + 2)).toHaveLength(2);
    expect(growth.path(2 ** 40)).toHaveLength(3);
  });

  it("does not know the paths of the leaves before", () => {
    const { edge } = grow(emptyEdge, countedLeaves(8).map(hashLeaf));
    const growth = grow(edge, countedLeaves(1).map(hashLeaf));
    expect(() => growth.path(3)).toThrow(RangeError);
  });
});

/** What a log of so many leaves has on disk after it grew by these steps. */
function written(steps: readonly number[]): { files: Map<string, Buffer>; end: LogEnd } {
  let end = emptyLog;
  const files = new Map<string, Buffer>();
  for (const step of steps) {
    const next = nextEnd(end, countedLeaves(end.edge.size + step).slice(end.edge.size));
    for (const { path, bytes } of next.files) {
      expect(files.get(path) ?? bytes, path).toEqual(bytes);
      files.set(path, bytes);
    }
    end = next.next;
  }
  return { files, end };
}

describe("the files of a log that grows", () => {
  const steps = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 });

  it("are, for its last size, exactly the tiles and entries of the format, whatever the steps", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        const { files, end } = written(plan);
        const leaves = countedLeaves(end.edge.size);
        for (const [path, bytes] of await naiveTiles(leaves)) expect(files.get(path), path).toEqual(bytes);
        const full = [...files].filter(([path]) => !path.includes(".p/"));
        const entries = full.flatMap(([path, bytes]) => {
          const place = parseTilePath(path);
          return place?.kind === "entries" ? [{ index: place.index, entries: decodeEntries(bytes)! }] : [];
        });
        entries.sort((one, other) => one.index - other.index);
        const held = entries.flatMap(({ entries: some }) => some);
        expect([...held, ...end.openEntries]).toEqual(leaves);
      }),
      { numRuns: 25 },
    );
  });

  it("let the end be read again", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        const { files, end } = written(plan);
        expect(await readLogEnd(end.edge.size, { read: async (path) => files.get(path) })).toEqual(end);
      }),
      { numRuns: 25 },
    );
  });

  it("let the root of the last size be computed, and let partial tiles go when they are full", async () => {
    await fc.assert(
      fc.asyncProperty(sizes, sizes, async (first, second) => {
        const { files, end } = written([first, second]);
        for (const path of files.keys()) {
          if (path.includes(".p/") && files.has(path.replace(/\.p\/.*/, ""))) files.delete(path);
        }
        for (const size of [first, end.edge.size]) {
          const root = await rootOf(
            size,
            tileNodes(size, async (path) => files.get(path)),
          );
          expect(root).toEqual(naiveRoot(countedLeaves(size)));
        }
      }),
      { numRuns: 25 },
    );
  });

  it.each(["tile/0/000.p/44", "tile/1/000.p/1", "tile/entries/000.p/44"])(
    "cannot be read as an end without %s",
    async (gone) => {
      const { files } = written([300]);
      const path = gone.replace("000.p/44", "001.p/44");
      expect(files.delete(path)).toBe(true);
      expect(await readLogEnd(300, { read: async (name) => files.get(name) })).toBeUndefined();
    },
  );

  it("are no end when the last entries are not those of the hashes", async () => {
    const { files } = written([3]);
    const bytes = Buffer.from(files.get("tile/entries/000.p/3")!);
    bytes[2]! ^= 1;
    files.set("tile/entries/000.p/3", bytes);
    expect(await readLogEnd(3, { read: async (name) => files.get(name) })).toBeUndefined();
  });
});
