import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StoredStatement } from "../../src/domain/tlog.ts";
import { bundleText, parseBundle } from "../../src/domain/bundle.ts";
import { decodeEntries, encodeEntries } from "../../src/proofs/tlog/tiles.ts";
import { type LookedAtLog, lookedAtLog, withRows } from "../support/looked-at-log.ts";

const counts = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 5 }) }, fc.constantFrom(200, 256, 300));
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("grow" as const), count: counts }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), count: counts }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("prune" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("adopt" as const) }) },
  ),
  { maxLength: 8 },
);

async function lived(life: typeof steps extends fc.Arbitrary<infer Life> ? Life : never): Promise<LookedAtLog> {
  const log = lookedAtLog();
  await log.sign();
  for (const step of life) {
    if (step.do === "grow" || step.do === "wait") log.add(step.count);
    if (step.do === "grow") await log.sign();
    if (step.do === "adopt") await log.adopt();
    if (step.do === "prune") {
      const { origin } = (await log.store.tlog())!;
      const size = (await log.store.lastHead(origin))?.size ?? 0;
      if (size > 256) await log.prune(Math.floor((size - 1) / 256) * 256);
    }
  }
  return log;
}

/** Several heads and tiles, the last tile not full. */
async function grown(): Promise<LookedAtLog> {
  const log = lookedAtLog();
  for (const count of [3, 260, 7, 40]) {
    log.add(count);
    await log.sign();
  }
  return log;
}
const origin = "log-1.test";
const SIZE = 311;

describe("a transparency log that nobody has touched", () => {
  it("has no finding, whatever its life was, and every statement that is kept is seen once", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (life) => {
        const log = await lived(life);
        const { lines, seen } = await log.look();
        expect(lines).toEqual([]);
        expect(seen).toEqual((await log.store.statementsAfter(0, Infinity)).map(({ id }) => id));
      }),
      { numRuns: 60 },
    );
  });
});

describe("a statement, a leaf or a file that does not belong to the others", () => {
  it("is named when the statement is another one, wherever it is", async () => {
    const log = await grown();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: SIZE }), fc.constantFrom(...changes), async (id, change) => {
        const rows = withRows(log.store, (row) => (row.id === id ? { ...row, ...change } : row));
        const [row] = await log.store.statements([id]);
        expect((await log.look(rows)).lines).toEqual([`unlogged proofs/${row!.file}`]);
      }),
      { numRuns: 40 },
    );
  });
  const changes: Partial<StoredStatement>[] = [
    { statement: "{}" },
    { signature: "AAAA" },
    { signature: "not base64" },
    { keyId: "0".repeat(64) },
  ];

  it("is named when statements are deleted, those in a row as one", async () => {
    const log = await grown();
    const without = async (...ids: number[]) =>
      (await log.look(withRows(log.store, (row) => (ids.includes(row.id) ? undefined : row)))).lines;
    expect(await without(1)).toEqual([`unlogged ${origin}/0`]);
    expect(await without(SIZE)).toEqual([`unlogged ${origin}/${SIZE - 1}`]);
    expect(await without(255, 256, 257, 258, 300)).toEqual([`unlogged ${origin}/254-257`, `unlogged ${origin}/299`]);
    const every = Array.from({ length: 30 }, (_, at) => 2 * at + 1);
    expect((await without(...every)).slice(-1)).toEqual(["unlogged 20 more leaves"]);
  });

  it("is named when a leaf is another one, or none, on disk", async () => {
    const log = await grown();
    const path = `tile/entries/001.p/${SIZE - 256}`;
    const entries = decodeEntries(log.tiles.get(path)!)!;
    const { file } = (await log.store.statements([SIZE]))[0]!;
    const withEntries = async (changed: readonly Uint8Array[]) => {
      const before = log.tiles.get(path)!;
      log.tiles.set(path, encodeEntries(changed));
      const { lines } = await log.look();
      log.tiles.set(path, before);
      return lines;
    };
    expect(await withEntries(entries.slice(0, -1))).toEqual([`unlogged proofs/${file}`]);
    expect(await withEntries(entries.with(-1, Buffer.from("{}")))).toEqual([`unlogged proofs/${file}`]);
    expect(await withEntries(entries.with(-1, entries[0]!))).toEqual([`unlogged proofs/${file}`]);
    log.tiles.delete("tile/entries/000");
    const { lines } = await log.look();
    expect(lines.slice(-1)).toEqual(["unlogged 246 more leaves"]);
  });

  it("is named when statement and leaf were changed together: the tree has another one", async () => {
    const log = await grown();
    const path = `tile/entries/001.p/${SIZE - 256}`;
    const [row, other] = await log.store.statements([SIZE, SIZE - 1]);
    const entries = decodeEntries(log.tiles.get(path)!)!;
    log.tiles.set(path, encodeEntries(entries.with(-1, entries.at(-2)!)));
    const forged = { ...row!, id: SIZE, file: other!.file, statement: row!.statement };
    const { lines, messages } = await log.look(withRows(log.store, (each) => (each.id === SIZE ? forged : each)));
    expect(lines).toEqual([`unlogged proofs/${forged.file}`]);
    expect(messages[0]).toMatch(/the tree has another one in its place/);
  });

  it("is named when a proof file is forged or exchanged, and not when it shows its leaf", async () => {
    const log = await grown();
    const [some, next] = await log.store.statements([40, 41]);
    const text = log.proofs.get(some!.file)!;
    const look = async () => {
      const { lines, messages } = await log.look();
      return [...lines, ...messages];
    };
    log.proofs.set("attestations/copy.sigstore.json", text);
    expect(await look()).toEqual([]);
    log.proofs.set(some!.file, log.proofs.get(next!.file)!);
    expect(await look()).toEqual([]);
    log.proofs.set(some!.file, bundleText({ ...parseBundle(text), statement: '{"forged":1}', entry: null }));
    expect(await look()).toEqual([`unlogged proofs/${some!.file}`, "it has no place in the transparency log"]);
    log.proofs.set(some!.file, bundleText({ ...parseBundle(text), statement: '{"forged":1}' }));
    expect(await look()).toEqual([`unlogged proofs/${some!.file}`, "the leaf is of another statement"]);
    log.proofs.set(some!.file, "{}");
    expect((await look())[0]).toBe(`unlogged proofs/${some!.file}`);
    log.proofs.set(some!.file, text);
    const stranger = await grown();
    log.proofs.set("2026/01/02/x.sigstore.json", stranger.proofs.get(next!.file)!);
    expect((await look())[0]).toBe("unlogged proofs/2026/01/02/x.sigstore.json");
  });

  it("is not what waits for a signed head, and is what the database does not know any log of", async () => {
    const log = await grown();
    log.add(5);
    expect((await log.look()).lines).toEqual([]);
    const lost = { ...withRows(log.store, (row) => row).store, tlogs: async () => [] };
    const { lines } = await log.look({ store: lost });
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toBe(`unlogged ${SIZE - 10} more files`);
  });
});

describe("a log that was set back to an older copy", () => {
  it("is forked as soon as others remember more, before and after it has grown again", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }), async (first, then) => {
        const log = await grown();
        const old = log.copy();
        log.add(first);
        await log.sign();
        expect((await log.look()).lines).toEqual([]);
        const back = await old.look();
        expect(back.lines).toEqual([`fork ${origin}`]);
        expect(back.messages[0]).toMatch(
          /^the mark has a signed head of \d+ leaves, .* of 311: this is an older copy$/,
        );

        const mark = log.marks.get(origin)!;
        log.marks.clear();
        old.add(then);
        await old.sign();
        expect((await old.look()).lines).toEqual([]);
        log.marks.set(origin, mark);
        expect((await old.look()).lines).toEqual([`fork ${origin}`]);
        // Another log takes its place: what was forked is known, and in its first leaf.
        await old.adopt();
        await old.sign();
        expect((await old.look()).lines).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });

  it("is forked by any head that it has signed, each named, and by none that somebody else made up", async () => {
    const log = await grown();
    const old = log.copy();
    log.add(9);
    await log.sign();
    const former = (await log.store.lastHead(origin))!;
    log.marks.clear();
    for (const count of [4, 8]) {
      old.add(count);
      await old.sign();
    }
    log.marks.clear();
    const { store } = withRows(old.store, (row) => row);
    const withHead = (checkpoint: string) => ({
      store: {
        ...store,
        headOver: async (name: string, size: number) => {
          const next = await store.headOver(name, size);
          return size <= former.size && (next?.size ?? Infinity) > former.size ? { ...former, checkpoint } : next;
        },
      },
    });
    const found = await old.look(withHead(former.checkpoint));
    expect(found.lines).toEqual([`fork ${origin}`]);
    expect(found.messages).toEqual([
      `the signed head of ${former.size} leaves in the database is of other leaves than its own`,
    ]);
    expect((await old.look(withHead(former.checkpoint.replace(/.{9}\n$/, "AAAAAAAA=\n")))).lines).toEqual([]);
  });

  it("is forked when its tiles were made again for other leaves, and cannot be told when one is missing or damaged", async () => {
    const log = await grown();
    const tile = "tile/0/001.p/55";
    const bytes = log.tiles.get(tile)!;
    log.tiles.delete(tile);
    expect((await log.look()).lines).toEqual([`? fork ${origin}`]);
    log.tiles.set(tile, Buffer.from(bytes).fill(1, 32, 64));
    expect((await log.look()).lines).toEqual([expect.stringMatching(/^unlogged/), `fork ${origin}`]);
    log.tiles.set(tile, bytes);
    // The root is made of the tile above, which the daemon writes once for 256 leaves.
    log.tiles.set("tile/0/000", Buffer.from(log.tiles.get("tile/0/000")!).fill(1, 32, 64));
    expect((await log.look()).lines).toEqual([expect.stringMatching(/^unlogged/), `? fork ${origin}`]);
  });

  it("cannot be told below what is pruned, unless something newer is remembered", async () => {
    const log = await grown();
    const early = await log.store.headOver(origin, 1);
    log.add(300);
    await log.sign();
    await log.prune(256);
    expect((await log.look()).lines).toEqual([]);
    log.marks.set(origin, early!.checkpoint);
    expect((await log.look()).lines).toEqual([`? fork ${origin}`]);
  });
});
