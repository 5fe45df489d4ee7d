import { describe, expect, it } from "vitest";
import { emptyLog, nextEnd } from "../../../src/proofs/tlog/appender.ts";
import { inclusionPath, rootOf } from "../../../src/proofs/tlog/merkle.ts";
import {
  decodeEntries,
  encodeEntries,
  entriesPath,
  parseTilePath,
  tileNodes,
  tilePath,
} from "../../../src/proofs/tlog/tiles.ts";
import { countedLeaves, edgeTiles, naiveNodes, naiveRoot, naiveTiles } from "../../support/naive-log.ts";

describe("the path of a tile", () => {
  it.each<[string, Parameters<typeof tilePath>[0]]>([
    ["tile/0/000", { level: 0, index: 0, width: 256 }],
    ["tile/0/000.p/1", { level: 0, index: 0, width: 1 }],
    ["tile/0/999.p/255", { level: 0, index: 999, width: 255 }],
    ["tile/0/x001/000", { level: 0, index: 1000, width: 256 }],
    ["tile/0/x001/067.p/5", { level: 0, index: 1067, width: 5 }],
    ["tile/2/x001/x234/067", { level: 2, index: 1234067, width: 256 }],
    ["tile/63/x035/x184/x372/x088/831", { level: 63, index: 35184372088831, width: 256 }],
  ])("is %s", (path, tile) => {
    expect(tilePath(tile)).toBe(path);
    expect(parseTilePath(path)).toEqual({ kind: "tile", ...tile });
  });

  it("of an entry bundle names no level", () => {
    expect(entriesPath(1067, 5)).toBe("tile/entries/x001/067.p/5");
    expect(parseTilePath("tile/entries/x001/067.p/5")).toEqual({ kind: "entries", index: 1067, width: 5 });
    expect(parseTilePath("tile/entries/067")).toEqual({ kind: "entries", index: 67, width: 256 });
  });

  it.each([
    "",
    "tile",
    "tile/0",
    "tile/0/",
    "/tile/0/000",
    "tile/0/000/",
    "tile/0/000\n",
    "tile/00/000",
    "tile/64/000",
    "tile/-1/000",
    "tile/leaves/000",
    "tile/0/0",
    "tile/0/1000",
    "tile/0/x000/001",
    "tile/0/001/002",
    "tile/0/x001",
    "tile/0/x01/002",
    "tile/0/000.p",
    "tile/0/000.p/",
    "tile/0/000.p/0",
    "tile/0/000.p/05",
    "tile/0/000.p/256",
    "tile/0/000.p/999",
    "tile/0/000.P/5",
    "tile/0/../0/000",
    "tile/0/x009/x007/x199/x254/x740/992",
    `tile/0/${"x999/".repeat(200)}999`,
    "tile/entries/000.p/0",
    "tile/8/0/000",
    "checkpoint",
  ])("is not %j", (path) => {
    expect(parseTilePath(path)).toBeUndefined();
  });

  it.each([
    { level: 0, index: 0, width: 0 },
    { level: 0, index: 0, width: 257 },
    { level: 0, index: -1, width: 1 },
    { level: 0, index: 2 ** 53, width: 1 },
  ])("is not made for %j", (tile) => {
    expect(() => tilePath(tile)).toThrow("broken invariant");
  });
});

describe("the tiles of a log", () => {
  it.each<[number, string[]]>([
    [0, []],
    [1, ["tile/0/000.p/1"]],
    [255, ["tile/0/000.p/255"]],
    [256, ["tile/0/000", "tile/1/000.p/1"]],
    [257, ["tile/0/001.p/1", "tile/1/000.p/1"]],
    [70_000, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]],
    [65_536, ["tile/0/255", "tile/1/000", "tile/2/000.p/1"]],
    [
      2 ** 40,
      [
        "tile/0/x004/x294/x967/295",
        "tile/1/x016/x777/215",
        "tile/2/x065/535",
        "tile/3/255",
        "tile/4/000",
        "tile/5/000.p/1",
      ],
    ],
  ])("end at size %i in these", (size, paths) => {
    expect(edgeTiles(size).map(tilePath)).toEqual(paths);
  });

  it.each<[number, number, string[]]>([
    [0, 0, []],
    [7, 7, []],
    [0, 3, ["tile/0/000.p/3"]],
    [3, 255, ["tile/0/000.p/255"]],
    [255, 256, ["tile/0/000", "tile/1/000.p/1"]],
    [256, 257, ["tile/0/001.p/1"]],
    [250, 600, ["tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"]],
    [65_535, 65_537, ["tile/0/255", "tile/0/256.p/1", "tile/1/000", "tile/2/000.p/1"]],
  ])("that are new from %i to %i are these", (from, to, paths) => {
    const leaves = countedLeaves(to);
    const { next } = nextEnd(emptyLog, leaves.slice(0, from));
    const { files } = nextEnd(next, leaves.slice(from));
    expect(files.map(({ path }) => path).filter((path) => parseTilePath(path)?.kind === "tile")).toEqual(paths);
  });
});

describe("an entry bundle", () => {
  it("has each entry after its length", () => {
    const entries = [Buffer.from("one"), Buffer.alloc(0), Buffer.alloc(65_535, 7)];
    const bytes = encodeEntries(entries);
    expect(bytes.subarray(0, 9).toString("hex")).toBe("00036f6e650000ffff");
    expect(decodeEntries(bytes)).toEqual(entries);
    // A view into a larger buffer is read from where it begins.
    const framed = new Uint8Array([9, 9, ...encodeEntries([Buffer.from("one")]), 9]);
    expect(decodeEntries(framed.subarray(2, 7))).toEqual([Buffer.from("one")]);
    expect(decodeEntries(Buffer.alloc(0))).toEqual([]);
  });

  it("is malformed when it ends within an entry", () => {
    const bytes = encodeEntries([Buffer.from("one"), Buffer.from("two")]);
    const whole = new Set([0, 5, 10]);
    for (let length = 0; length <= bytes.length; length++) {
      expect(decodeEntries(bytes.subarray(0, length)) !== undefined, `${length} bytes`).toBe(whole.has(length));
    }
  });

  it("takes no entry of more than 65,535 bytes", () => {
    expect(() => encodeEntries([Buffer.alloc(65_536)])).toThrow("broken invariant");
  });
});

describe("nodes out of tiles", () => {
  const leaves = countedLeaves(600);

  it("are those of the tree, at every level and index", async () => {
    const tiles = await naiveTiles(leaves);
    const nodes = tileNodes(600, async (path) => tiles.get(path));
    const naive = naiveNodes(leaves);
    for (let level = 0; 2 ** level <= 600; level++) {
      for (let index = 0; (index + 1) * 2 ** level <= 600; index += 1 + Math.floor(index / 3)) {
        expect(await nodes(level, index), `${level}/${index}`).toEqual(await naive(level, index));
      }
    }
  });

  it("read each tile once, and only those of their size", async () => {
    const tiles = await naiveTiles(leaves);
    const read: string[] = [];
    const nodes = tileNodes(600, async (path) => {
      read.push(path);
      return tiles.get(path);
    });
    expect(await rootOf(600, nodes)).toEqual(naiveRoot(leaves));
    expect(await rootOf(600, nodes)).toEqual(naiveRoot(leaves));
    await inclusionPath(599, 600, nodes);
    expect(read.toSorted()).toEqual(["tile/0/002.p/88", "tile/1/000.p/2"]);
    await inclusionPath(3, 600, nodes);
    expect(read.toSorted()).toEqual(["tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2"]);
  });

  it("come from the full tile when the partial one is gone", async () => {
    const tiles = await naiveTiles(leaves);
    const older = tileNodes(300, async (path) => tiles.get(path));
    expect(tiles.has("tile/0/001.p/44")).toBe(false);
    // The level 1 tile of size 300 is partial in both logs, and would be full from 65,536 leaves on.
    tiles.set("tile/1/000.p/1", tiles.get("tile/1/000.p/2")!.subarray(0, 32));
    expect(await rootOf(300, older)).toEqual(naiveRoot(leaves.slice(0, 300)));
  });

  it.each<[string, (tiles: Map<string, Buffer>) => unknown, string]>([
    ["a partial tile is missing", (tiles) => tiles.delete("tile/0/002.p/88"), "tile/0/002.p/88 is missing, and so is"],
    [
      "a partial tile is short",
      (tiles) => tiles.set("tile/0/002.p/88", Buffer.alloc(87 * 32)),
      "tile/0/002.p/88 has 2784",
    ],
    [
      "a tile is long",
      (tiles) => tiles.set("tile/1/000.p/2", Buffer.alloc(65)),
      "tile/1/000.p/2 has 65 bytes instead of 64",
    ],
    [
      "the full tile instead is short",
      (tiles) => tiles.delete("tile/0/002.p/88") && tiles.set("tile/0/002", Buffer.alloc(88 * 32)),
      "tile/0/002 has 2816 bytes instead of 8192",
    ],
  ])("are refused when %s", async (_what, damage, message) => {
    const tiles = await naiveTiles(leaves);
    damage(tiles);
    const root = rootOf(
      600,
      tileNodes(600, async (path) => tiles.get(path)),
    );
    await expect(root).rejects.toThrow(
      expect.objectContaining({ code: "TLOG_DAMAGED", message: expect.stringContaining(message) }),
    );
  });

  it("are refused when a full tile is missing", async () => {
    const nodes = tileNodes(600, async () => undefined);
    await expect(nodes(0, 0)).rejects.toThrow(
      expect.objectContaining({ code: "TLOG_DAMAGED", message: "the log's file tile/0/000 is missing" }),
    );
  });

  it("are not asked for where the log has no complete subtree", async () => {
    const nodes = tileNodes(600, async () => Buffer.alloc(8192));
    for (const [level, index] of [
      [0, 600],
      [1, 300],
      [9, 1],
      [10, 0],
      [16, 0],
    ]) {
      await expect(nodes(level!, index!), `${level}/${index}`).rejects.toThrow("broken invariant");
    }
  });
});
