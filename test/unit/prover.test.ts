import { describe, expect, it } from "vitest";
import { parseBundle } from "../../src/domain/bundle.ts";
import { CascadeError } from "../../src/kernel/errors.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import { createProver } from "../../src/proofs/prover.ts";
import { eventually } from "../support/eventually.ts";
import { proverBench, statements } from "../support/prover-bench.ts";

describe("the prover", () => {
  it("opens a log, appends each statement to it and writes its file with the place it got", async () => {
    const { store, sink, files, prover } = proverBench();
    const [first] = statements(1);
    store.add(first!);
    prover.due();
    await prover.idle();
    const { statement, signature, entry } = parseBundle(sink.files.get(first!.file)!);
    expect({ statement, signature }).toEqual({ statement: first!.statement, signature: first!.signature });
    expect(entry).toMatchObject({ index: 1, size: 2, checkpoint: files.files.get("checkpoint")!.toString() });
    expect(store.due()).toEqual([]);
    expect(prover.log()).toMatchObject({ state: "signing", tlog: { origin: "log-1.test", firstStatement: 1 } });
  });

  it("takes many in batches, each once and each under one head, however often it is told", async () => {
    const { store, sink, files, prover } = proverBench();
    store.add(...statements(1_100));
    for (let times = 0; times < 5; times++) prover.due();
    await prover.idle();
    expect(sink.files.size).toBe(1_101);
    expect(sink.batches).toEqual([512, 512, 77]);
    expect(files.published.map((checkpoint) => checkpoint.split("\n")[1])).toEqual(["512", "1024", "1101"]);
    expect(store.due()).toEqual([]);
  });

  it.each(["tiles", "last-signed", "checkpoint"] as const)(
    "writes every file under a published head after the log's %s could not be written for a while",
    async (place) => {
      const { store, sink, clock, files, prover, dueRuns } = proverBench();
      const all = statements(4);
      store.add(...all.slice(0, 2));
      prover.due();
      await prover.idle();
      files.before = (name) => {
        if (name === place) throw new CascadeError("CANNOT_CREATE", "the disk is full");
      };
      store.add(...all.slice(2));
      prover.due();
      await prover.idle();
      await clock.advance(1_000);
      await prover.idle();
      expect(dueRuns()).toEqual(all.slice(2).map(({ file }) => file));
      files.before = () => undefined;
      await clock.advance(2_000);
      await prover.idle();
      const published = files.files.get("checkpoint")!.toString();
      const entries = all.slice(2).map(({ file }) => parseBundle(sink.files.get(file)!).entry);
      expect(entries).toMatchObject([
        { index: 3, size: 5, checkpoint: published },
        { index: 4, size: 5, checkpoint: published },
      ]);
      expect(store.due()).toEqual([]);
      expect((await store.lastHead("log-1.test"))?.checkpoint).toBe(published);
    },
  );

  it("says why the log does not go on, keeps statements waiting, and goes on when it may", async () => {
    let refusal: CascadeError | undefined = new CascadeError("TLOG_ROLLED_BACK", "an older copy");
    const bench = proverBench();
    const { store, sink, clock, errors } = bench;
    const prover = createProver({
      store,
      sink,
      writer: store,
      clock,
      batchEveryMs: 0,
      sign: bench.sign,
      logger: { ...silentLogger, error: (fields) => void errors.push(String(fields.event)) },
      openLog: () => (refusal ? Promise.reject(refusal) : bench.openLog()),
    });
    store.add(...statements(2));
    prover.due();
    await prover.idle();
    expect(prover.log()).toMatchObject({ state: "refused", error: { code: "TLOG_ROLLED_BACK" } });
    await prover.caughtUp();
    await clock.advance(120_000);
    expect({ files: sink.files.size, errors, pending: clock.pending() }).toEqual({
      files: 0,
      errors: ["tlog.refused"],
      pending: 0,
    });
    await expect(prover.reopen()).rejects.toThrow(refusal);
    expect(prover.log().state).toBe("refused");
    refusal = undefined;
    await prover.reopen();
    await prover.idle();
    expect(bench.runFiles()).toHaveLength(2);
  });

  it("stops signing when a tile is not what was written", async () => {
    const { store, files, prover, runFiles } = proverBench();
    store.add(...statements(1));
    prover.due();
    await prover.idle();
    files.files.set("tile/0/000.p/2", Buffer.alloc(64));
    store.add(...statements(2).slice(1));
    prover.due();
    await prover.idle();
    // The edge is in memory; only what a new head is made of is read again.
    expect(runFiles()).toHaveLength(2);
    files.files.set("tile/0/000.p/4", Buffer.alloc(128));
    store.add({ ...statements(3)[2]! });
    prover.due();
    await prover.idle();
    expect(prover.log()).toMatchObject({ state: "refused", error: { code: "TLOG_DAMAGED" } });
    expect(files.published).toHaveLength(2);
    expect(runFiles()).toHaveLength(2);
  });

  it("sees a run that ends while it writes", async () => {
    const { store, sink, prover, runFiles } = proverBench();
    const [first, second] = statements(2);
    const write = sink.write.bind(sink);
    sink.write = async (files) => {
      if (files.at(-1)!.name === first!.file) {
        store.add(second!);
        prover.due();
      }
      return write(files);
    };
    store.add(first!);
    prover.due();
    await prover.idle();
    expect(runFiles()).toEqual([first!.file, second!.file]);
  });

  it("begins a batch no sooner than the interval after the one before it, and at once when it stops", async () => {
    const { store, clock, prover, runFiles } = proverBench({ batchEveryMs: 200 });
    const [first, second, third] = statements(3);
    store.add(first!);
    await prover.start();
    await prover.idle();
    expect(runFiles().length).toBe(1);
    store.add(second!);
    prover.due();
    await clock.advance(199);
    expect(runFiles().length).toBe(1);
    await clock.advance(1);
    await prover.idle();
    expect(runFiles().length).toBe(2);
    store.add(third!);
    prover.due();
    await prover.stop();
    expect(runFiles().length).toBe(3);
    expect(clock.pending()).toBe(0);
  });

  it("has caught up when every proof stored before the question is written, also while it writes", async () => {
    const { store, sink, clock, prover, runFiles, dueRuns } = proverBench({ batchEveryMs: 200 });
    const [first, second] = statements(2);
    const write = sink.write.bind(sink);
    let caughtUp: Promise<void> | undefined;
    sink.write = async (files) => {
      if (!caughtUp) {
        store.add(second!);
        caughtUp = prover.caughtUp().then(() => expect(runFiles().length).toBe(2));
      }
      return write(files);
    };
    store.add(first!);
    prover.due();
    await eventually(() => clock.pending() === 1);
    await clock.advance(200);
    await caughtUp;
    expect(dueRuns()).toEqual([]);
  });

  it("is not waited for while files cannot be written, nor once it stops", async () => {
    const { store, sink, prover, dueRuns } = proverBench();
    sink.barred = "all";
    store.add(...statements(1));
    await prover.caughtUp();
    expect(dueRuns()).toHaveLength(1);
    await prover.caughtUp();
    const stopping = prover.stop();
    await Promise.all([prover.caughtUp(), stopping]);
  });

  it("waits longer and longer while files cannot be written, says so once, and goes on by itself", async () => {
    const { store, sink, clock, errors, prover, runFiles, dueRuns } = proverBench();
    sink.barred = "all";
    store.add(...statements(1));
    prover.due();
    await prover.idle();
    const tries = () => sink.batches.length;
    const first = tries();
    prover.due();
    await clock.advance(999);
    expect(tries()).toBe(first);
    await clock.advance(1);
    await prover.idle();
    expect(tries()).toBeGreaterThan(first);
    for (let minute = 0; minute < 10; minute++) await clock.advance(60_000);
    expect(errors).toEqual(["proof.failed: proof files cannot be written; trying again"]);
    sink.barred = new Set();
    await clock.advance(60_000);
    await prover.idle();
    expect(runFiles().length).toBe(1);
    expect(dueRuns()).toEqual([]);
    expect(clock.pending()).toBe(0);
  });

  it("lets one barred file hold up no other", async () => {
    const { store, sink, clock, prover, runFiles, dueRuns } = proverBench();
    const all = statements(300);
    sink.barred = new Set([all[3]!.file]);
    store.add(...all);
    prover.due();
    await prover.idle();
    await clock.advance(10_000);
    await prover.idle();
    expect(dueRuns()).toEqual([all[3]!.file]);
    expect(runFiles().length).toBe(299);
  });

  it("keeps a proof due until its file is known to be written", async () => {
    const bench = proverBench();
    const refusing = { submit: async () => ({ ok: false as const, refusal: "stale" as const, message: "no" }) };
    const prover = createProver({
      ...bench,
      logger: silentLogger,
      batchEveryMs: 0,
      writer: refusing,
    });
    bench.store.add(...statements(2));
    prover.due();
    await prover.idle();
    expect(bench.dueRuns()).toHaveLength(2);
    bench.prover.due();
    await bench.prover.idle();
    expect(bench.dueRuns()).toEqual([]);
  });

  it("writes missing files again at its start, whatever their number, and no other", async () => {
    const { store, sink, prover, again } = proverBench();
    const all = statements(700);
    store.add(...all);
    prover.due();
    await prover.idle();
    const texts = new Map(sink.files);
    for (const index of [0, 255, 256, 699]) sink.files.delete(all[index]!.file);
    await store.submit({ type: "files_synced", through: 701 });
    sink.batches.length = 0;
    const next = again();
    await next.start();
    await next.idle();
    expect(new Map([...sink.files].sort())).toEqual(texts);
    expect(sink.batches.reduce((sum, size) => sum + size, 0)).toBe(4);
    await next.stop();
  });

  it("looks for what former lives have written while runs end all the time, and never for what it has written itself", async () => {
    const { store, sink, prover, again } = proverBench();
    const [former, own] = [statements(3), statements(900).slice(3)];
    const names = own.map(({ file }) => file);
    store.add(...former);
    prover.due();
    await prover.idle();
    sink.files.delete(former[1]!.file);
    const written: string[] = [];
    const write = sink.write.bind(sink);
    sink.write = async (files) => {
      written.push(...files.map(({ name }) => name));
      // Whenever something is written, more runs have ended: no look is the last one until all have.
      store.add(...own.splice(0, 3));
      next.due();
      await write(files);
    };
    const next = again();
    store.add(...own.splice(0, 3));
    await next.start();
    await next.idle();
    const times = (name: string) => written.filter((each) => each === name).length;
    // What the former life left unsynced is compared, once.
    expect(former.map(({ file }) => times(file))).toEqual([1, 1, 1]);
    expect(sink.files.has(former[1]!.file)).toBe(true);
    expect(new Set(names.map(times))).toEqual(new Set([1]));
    await next.stop();
  });

  it("stops although it waits to try again since before it was started", async () => {
    const { store, sink, clock, prover } = proverBench();
    sink.barred = "all";
    store.add(...statements(1));
    prover.due();
    await prover.idle();
    await prover.start();
    await prover.stop();
    expect(clock.pending()).toBe(0);
  });

  it("writes what is due before it stops, and nothing afterwards", async () => {
    const { store, prover, runFiles } = proverBench();
    await prover.start();
    await prover.idle();
    const [first, second] = statements(2);
    store.add(first!);
    await prover.stop();
    expect(runFiles()).toEqual([first!.file]);
    store.add(second!);
    prover.due();
    await prover.idle();
    expect(runFiles().length).toBe(1);
  });

  it("stops at once when files cannot be written and leaves them to the next start", async () => {
    const { store, sink, clock, prover, again, dueRuns } = proverBench();
    await prover.start();
    sink.barred = "all";
    store.add(...statements(2));
    prover.due();
    await prover.stop();
    expect(clock.pending()).toBe(0);
    sink.barred = new Set();
    const next = again();
    await next.start();
    await next.idle();
    expect(dueRuns()).toEqual([]);
    await next.stop();
  });

  it("syncs files a minute after they were written, and says so only when the former life was looked at", async () => {
    const { store, sink, clock, prover, again, runFiles } = proverBench();
    store.add(...statements(3));
    await prover.start();
    await prover.idle();
    await clock.advance(59_999);
    expect(sink.synced.size).toBe(0);
    await clock.advance(1);
    await prover.idle();
    expect([...sink.synced].filter((name) => name.startsWith("run-")).sort()).toEqual(runFiles());
    expect(await store.writtenFiles()).toMatchObject({ through: 4, synced: 4 });
    store.add({ ...statements(5)[4]! });
    prover.due();
    await prover.idle();
    expect(await store.writtenFiles()).toMatchObject({ through: 5, synced: 4 });
    await prover.stop();
    expect(clock.pending()).toBe(0);

    // Power loss has torn what was not synced; what was is not looked into.
    sink.files.set("run-00004", "");
    sink.files.set("run-00000", "spoilt otherwise");
    const next = again();
    await next.start();
    await next.idle();
    expect(parseBundle(sink.files.get("run-00004")!).statement).toBe('{"n":4}');
    expect(sink.files.get("run-00000")).toBe("spoilt otherwise");
    await clock.advance(60_000);
    await next.idle();
    expect(await store.writtenFiles()).toMatchObject({ through: 5, synced: 5 });
    await next.stop();
  });
});
