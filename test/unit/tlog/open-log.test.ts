import { describe, expect, it } from "vitest";
import { isSigned } from "../../../src/domain/sealed-statement.ts";
import { noCrashPoint } from "../../../src/kernel/crash-points.ts";
import { silentLogger } from "../../../src/kernel/logger.ts";
import { adoptLog } from "../../../src/proofs/tlog/adopt-log.ts";
import { createLeafMaker } from "../../../src/proofs/tlog/leaf-maker.ts";
import type { LogPorts } from "../../../src/proofs/tlog/open-log.ts";
import { openTransparencyLog } from "../../../src/proofs/tlog/transparency-log.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { createMemoryStatements, type MemoryStatements } from "../../support/memory-statements.ts";
import {
  createMemoryMark,
  createMemoryTlogFiles,
  createMemoryTlogKeys,
  type MemoryTlogFiles,
} from "../../support/memory-tlog.ts";
import { createTestSigner } from "../../support/test-signer.ts";

const proofSigner = createTestSigner();

interface Room {
  ports: LogPorts;
  store: MemoryStatements;
  files: MemoryTlogFiles;
  marks: Map<string, string>;
  /** Stores as many statements and brings them into the log. */
  grow(count: number): Promise<void>;
  /** Opens the log as after a restart. */
  open(): ReturnType<typeof openTransparencyLog>;
}

function logRoom(
  change: Partial<{ store: MemoryStatements; files: MemoryTlogFiles } & Pick<LogPorts, "mark" | "keys">> = {},
): Room {
  const store = change.store ?? createMemoryStatements();
  const files = change.files ?? createMemoryTlogFiles();
  const memoryMark = createMemoryMark();
  const ports: LogPorts = {
    store,
    writer: store,
    files,
    mark: change.mark ?? memoryMark,
    keys: change.keys ?? createMemoryTlogKeys(),
    seal: proofSigner,
    leafOf: createLeafMaker([proofSigner.publicKey]),
    origin: null,
    clock: createFakeClock(),
    logger: silentLogger,
    crashPoint: noCrashPoint,
  };
  let count = 0;
  const open = () => openTransparencyLog(ports);
  return {
    ports,
    store,
    files,
    marks: memoryMark.marks,
    open,
    async grow(more) {
      const log = await open();
      const after = (await store.lastHead(log.tlog.origin))?.size ?? 0;
      for (let index = 0; index < more; index++) {
        const statement = `{"n":${count++}}`;
        store.add({ file: `file-${count}`, statement, signature: "c2ln", keyId: proofSigner.keyId });
      }
      const due = await store.statementsAfter(log.tlog.firstStatement + after - 1, 10_000);
      if (due.length > 0) await log.entriesOf(due.filter(isSigned));
    },
  };
}

const code = (expected: string): unknown => expect.objectContaining({ code: expected });

describe("a log that is opened", () => {
  it("begins with a statement of its own, before whatever was stored already", async () => {
    const { store, grow, files } = logRoom();
    await grow(3);
    const [opening, ...others] = await store.statementsAfter(0, 10);
    expect(JSON.parse(opening!.statement)).toMatchObject({
      _type: "https://in-toto.io/Statement/v1",
      predicateType: "urn:cascade:attestation:tlog:v1",
      predicate: { origin: "log-1.test", previous: null, proofKey: proofSigner.keyId },
    });
    expect(opening!.file).toMatch(/^attestations\/[0-9a-f]{64}\.sigstore\.json$/);
    expect(others.map(({ statement }) => statement)).toEqual(['{"n":0}', '{"n":1}', '{"n":2}']);
    expect(files.files.get("checkpoint")!.toString().split("\n").slice(0, 2)).toEqual(["log-1.test", "4"]);
  });

  it("goes on where it was", async () => {
    const { store, grow, files } = logRoom();
    for (const count of [3, 1, 300, 5]) await grow(count);
    expect(files.published.map((text) => text.split("\n")[1])).toEqual(["4", "5", "305", "310"]);
    expect(await store.tlogs()).toHaveLength(1);
    const again = await logRoom({ store, files })
      .open()
      .catch((error: unknown) => error);
    expect(again).toEqual(code("TLOG_KEY_MISSING"));
  });

  it("takes the origin that it is told", async () => {
    const { ports } = logRoom();
    const { tlog } = await openTransparencyLog({ ...ports, origin: "tlog.example.org" });
    expect(tlog.origin).toBe("tlog.example.org");
  });
});

describe("a log whose former life ended in the middle", () => {
  it.each<[string, "tiles" | "last-signed" | "checkpoint", number]>([
    ["before its tiles were written", "tiles", 4],
    ["before what it signed was written down", "last-signed", 4],
    ["before what it signed was published", "checkpoint", 7],
  ])("goes on %s, to the same heads and bytes", async (_when, write, size) => {
    const broken = logRoom();
    await broken.grow(3);
    broken.files.before = (name) => {
      if (name === write) throw new Error("the daemon died here");
    };
    await expect(broken.grow(3)).rejects.toThrow("died here");
    broken.files.before = () => undefined;
    await broken.open();
    // Statements 1 to 4 were signed before; the other three only when the head was written down.
    expect(broken.files.files.get("checkpoint")!.toString().split("\n")[1]).toBe(String(size));
    expect((await broken.store.lastHead("log-1.test"))!.size).toBe(size);
    await broken.grow(2);

    const whole = logRoom({ keys: broken.ports.keys, store: broken.store, files: createMemoryTlogFiles() });
    await whole.open();
    for (const [path, bytes] of whole.files.files) expect(broken.files.files.get(path), path).toEqual(bytes);
  });

  it("makes files that are missing again, byte for byte", async () => {
    const { files, grow, open } = logRoom();
    for (const count of [200, 100, 250]) await grow(count);
    const before = new Map(files.files);
    files.files.clear();
    await open();
    expect(files.files.get("checkpoint")).toEqual(before.get("checkpoint"));
    expect(files.files.get(".state/last-signed")).toEqual(before.get(".state/last-signed"));
    // Partial tiles of every head that was published, too, as far as they are not full by now.
    expect(new Map([...files.files].sort())).toEqual(new Map([...before].sort()));
    await grow(1);
  });

  it("makes one file again without touching the others", async () => {
    const { files, grow, open } = logRoom();
    await grow(300);
    const path = "tile/0/001.p/45";
    const bytes = files.files.get(path);
    files.files.delete(path);
    await open();
    expect(files.files.get(path)).toEqual(bytes);
  });
});

describe("a log that must not go on", () => {
  it("refuses an older copy of the database, by each place that remembers more", async () => {
    for (const place of ["last-signed", "mark"]) {
      const { ports, store, files, marks, grow } = logRoom();
      await grow(3);
      const older = store.copy();
      await grow(2);
      if (place === "last-signed") marks.clear();
      else for (const path of [...files.files.keys()]) files.files.delete(path);
      const restored = { ...ports, store: older, writer: older };
      await expect(openTransparencyLog(restored), place).rejects.toThrow(code("TLOG_ROLLED_BACK"));
      expect(files.published).toHaveLength(2);
    }
  });

  it("takes an older copy of the whole folder for the newest where nothing remembers more", async () => {
    const { ports, store, grow } = logRoom();
    await grow(3);
    const older = { ...ports, store: store.copy(), writer: store.copy(), mark: createMemoryMark() };
    await openTransparencyLog(older);
  });

  it("refuses statements that are not those that were signed, though they are as many", async () => {
    const { ports, store, grow } = logRoom();
    await grow(3);
    const older = store.copy();
    await grow(2);
    const other = (statement: string) => ({ file: statement, statement, signature: "c2ln", keyId: proofSigner.keyId });
    older.add(other("{}"), other("[]"), other("1"));
    const restored = { ...ports, store: older, writer: older, files: createMemoryTlogFiles() };
    await expect(openTransparencyLog(restored)).rejects.toThrow(code("TLOG_FORKED"));
  });

  it("refuses tiles that have another root than what was signed", async () => {
    const { files, grow, open } = logRoom();
    await grow(3);
    const tile = Buffer.from(files.files.get("tile/0/000.p/4")!);
    tile[0]! ^= 1;
    files.files.set("tile/0/000.p/4", tile);
    // The last entry does not fit its hash, so the tiles are made again; the damaged one is in the way.
    await expect(open()).rejects.toThrow(code("TLOG_DAMAGED"));
  });

  it("refuses a key that is not there, or is another one", async () => {
    const { ports, grow } = logRoom();
    await grow(1);
    const keys = createMemoryTlogKeys();
    await expect(openTransparencyLog({ ...ports, keys })).rejects.toThrow(code("TLOG_KEY_MISSING"));
    await keys.create("log-1.test");
    await expect(openTransparencyLog({ ...ports, keys })).rejects.toThrow(code("TLOG_KEY_MISSING"));
  });

  it("pays no heed to a place that holds no head of this log", async () => {
    const { files, marks, grow, open } = logRoom();
    await grow(2);
    marks.set("log-1.test", "nonsense");
    files.files.set(".state/last-signed", Buffer.from(""));
    await open();
    expect(marks.get("log-1.test")).toBe(files.files.get("checkpoint")!.toString());
  });
});

describe("a log that is pruned while it is open", () => {
  it("has no entries of what is pruned, and goes on", async () => {
    const room = logRoom();
    await room.grow(300);
    const log = await room.open();
    await room.store.submit({ type: "tlog_pruned", origin: "log-1.test", minimumIndex: 256 });
    await room.files.remove(["tile/0/000", "tile/entries/000"]);
    const entries = await log.entriesOf((await room.store.statementsAfter(250, 10)).filter(isSigned));
    expect(entries.map((entry) => entry?.index)).toEqual([
      ...Array.from({ length: 6 }, () => undefined),
      256,
      257,
      258,
      259,
    ]);
    room.store.add({ file: "next", statement: '{"next":true}', signature: "c2ln", keyId: proofSigner.keyId });
    const [next] = await log.entriesOf((await room.store.statementsAfter(301, 10)).filter(isSigned));
    expect(next!.index).toBe(301);
  });
});

describe("an older copy whose statements were not signed yet", () => {
  it("is not signed again: they are in the log already, with other signatures", async () => {
    const room = logRoom();
    await room.grow(3);
    const older = room.store.copy();
    const unsigned = { file: "waiting", statement: '{"n":3}', signature: null, keyId: proofSigner.keyId };
    older.add(unsigned);
    await openTransparencyLog({ ...room.ports, store: older, writer: older });
    await room.grow(1);
    await expect(openTransparencyLog({ ...room.ports, store: older, writer: older })).rejects.toThrow(
      code("TLOG_ROLLED_BACK"),
    );
  });
});

describe("a log that is adopted", () => {
  it("begins under another name and key with the old head, and takes what the old log does not hold", async () => {
    const room = logRoom();
    await room.grow(3);
    const older = room.store.copy();
    await room.grow(4);
    const lost = room.files.published.at(-1)!;
    older.add({ file: "later", statement: '{"later":true}', signature: "c2ln", keyId: proofSigner.keyId });
    const ports = { ...room.ports, store: older, writer: older };
    await expect(openTransparencyLog(ports)).rejects.toThrow(code("TLOG_ROLLED_BACK"));

    const tlog = await adoptLog(ports);
    expect(tlog).toMatchObject({ origin: "log-2.test", firstStatement: 5 });
    expect(room.files.aside.get("log-1.test")!.get("checkpoint")!.toString()).toBe(lost);
    const log = await openTransparencyLog(ports);
    const due = await older.statementsAfter(tlog.firstStatement - 1, 10);
    expect(due.map(({ id }) => id)).toEqual([5, 6]);
    const { predicate } = JSON.parse(due[0]!.statement);
    expect(predicate.previous).toMatchObject({ origin: "log-1.test", size: 8 });
    expect(due[1]!.statement).toBe('{"later":true}');
    const entries = await log.entriesOf(due.filter(isSigned));
    expect(entries.map((entry) => entry!.index)).toEqual([0, 1]);
    await openTransparencyLog(ports);
  });

  it("still gives the entries of the former log, under its heads, unless what was set aside does not show them", async () => {
    const room = logRoom();
    await room.grow(300);
    await room.grow(4);
    const statements = (await room.store.statementsAfter(0, 400)).filter(isSigned);
    const before = await (await room.open()).entriesOf(statements);
    await adoptLog(room.ports);
    await room.grow(2);
    const log = await room.open();
    const after = async () => log.entriesOf((await room.store.statementsAfter(0, 400)).filter(isSigned));
    expect((await after()).slice(0, 305)).toEqual(before);
    expect((await after()).slice(305).map((entry) => entry!.index)).toEqual([0, 1, 2]);

    const aside = room.files.aside.get("log-1.test") as Map<string, Buffer>;
    const spoilt = Buffer.from(aside.get("tile/0/000")!);
    spoilt[32 * 7]! ^= 1;
    aside.set("tile/0/000", spoilt);
    // The hash of leaf 7 is on the path of every other leaf of its tile, and not on its own.
    const shown = (await after()).slice(0, 305).flatMap((entry, index) => (entry ? [index] : []));
    expect(shown).toEqual([7, ...Array.from({ length: 49 }, (_, at) => 256 + at)]);
    expect((await after())[7]).toEqual(before[7]);
    aside.delete("tile/0/000");
    expect((await after()).slice(0, 256).every((entry) => entry === undefined)).toBe(true);
    expect((await after()).slice(256)).toHaveLength(52);
  });
});
