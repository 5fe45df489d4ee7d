import { describe, expect, it } from "vitest";
import { bundleText } from "../../src/domain/bundle.ts";
import type { Proof } from "../../src/domain/proof.ts";
import { type Logger, silentLogger } from "../../src/kernel/logger.ts";
import { createProver, type ProverOptions } from "../../src/proofs/prover.ts";
import { eventually } from "../support/eventually.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createMemoryProofs } from "../support/memory-proofs.ts";
import { createMemoryProofSink } from "../support/memory-proof-sink.ts";

function proofs(count: number): Proof[] {
  return Array.from({ length: count }, (_, index) => ({
    runId: `run-${String(index).padStart(5, "0")}`,
    workflow: "pack/flow",
    runNumber: index + 1,
    previousProof: null,
    statement: `{"n":${index}}`,
    digest: "0".repeat(64),
    signature: "c2ln",
    keyId: "0".repeat(64),
    endedAt: 0,
  }));
}

function proverBench(change: Partial<ProverOptions> = {}) {
  const store = createMemoryProofs();
  const sink = createMemoryProofSink();
  const clock = createFakeClock();
  const errors: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    error: (fields, message) => void errors.push(`${fields.event}: ${message}`),
    child: () => silentLogger,
  };
  const options = { store, sink, writer: store, clock, logger, batchEveryMs: 0, ...change };
  return { store, sink, clock, errors, prover: createProver(options), again: () => createProver(options) };
}

describe("the prover", () => {
  it("writes the file of each due proof and then records it", async () => {
    const { store, sink, prover } = proverBench();
    const [first] = proofs(1);
    store.add(first!);
    prover.due();
    await prover.idle();
    expect(sink.files).toEqual(new Map([[first!.runId, bundleText(first!)]]));
    expect(store.written).toEqual([[first!.runId]]);
  });

  it("takes many in batches, each once, however often it is told", async () => {
    const { store, sink, prover } = proverBench();
    store.add(...proofs(600));
    for (let times = 0; times < 5; times++) prover.due();
    await prover.idle();
    expect(sink.files.size).toBe(600);
    expect(sink.batches).toEqual([256, 256, 88]);
    expect(store.written.flat()).toHaveLength(600);
  });

  it("sees a run that ends while it writes", async () => {
    const { store, sink, prover } = proverBench();
    const [first, second] = proofs(2);
    const write = sink.write.bind(sink);
    sink.write = async (files) => {
      if (files[0]!.proof.runId === first!.runId) {
        store.add(second!);
        prover.due();
      }
      return write(files);
    };
    store.add(first!);
    prover.due();
    await prover.idle();
    expect([...sink.files.keys()]).toEqual([first!.runId, second!.runId]);
  });

  it("begins a batch no sooner than the interval after the one before it, and at once when it stops", async () => {
    const { store, sink, clock, prover } = proverBench({ batchEveryMs: 200 });
    const [first, second, third] = proofs(3);
    store.add(first!);
    await prover.start();
    await prover.idle();
    expect(sink.files.size).toBe(1);
    store.add(second!);
    prover.due();
    await clock.advance(199);
    expect(sink.files.size).toBe(1);
    await clock.advance(1);
    await prover.idle();
    expect(sink.files.size).toBe(2);
    store.add(third!);
    prover.due();
    await prover.stop();
    expect(sink.files.size).toBe(3);
    expect(clock.pending()).toBe(0);
  });

  it("has caught up when every proof stored before the question is written, also while it writes", async () => {
    const { store, sink, clock, prover } = proverBench({ batchEveryMs: 200 });
    const [first, second] = proofs(2);
    const write = sink.write.bind(sink);
    let caughtUp: Promise<void> | undefined;
    sink.write = async (files) => {
      if (!caughtUp) {
        store.add(second!);
        caughtUp = prover.caughtUp().then(() => expect(sink.files.size).toBe(2));
      }
      return write(files);
    };
    store.add(first!);
    prover.due();
    await eventually(() => clock.pending() === 1);
    await clock.advance(200);
    await caughtUp;
    expect(store.due()).toEqual([]);
  });

  it("is not waited for while files cannot be written, nor once it stops", async () => {
    const { store, sink, prover } = proverBench();
    sink.barred = "all";
    store.add(...proofs(1));
    await prover.caughtUp();
    expect(store.due()).toHaveLength(1);
    await prover.caughtUp();
    const stopping = prover.stop();
    await Promise.all([prover.caughtUp(), stopping]);
  });

  it("waits longer and longer while files cannot be written, says so once, and goes on by itself", async () => {
    const { store, sink, clock, errors, prover } = proverBench();
    sink.barred = "all";
    store.add(...proofs(1));
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
    expect(sink.files.size).toBe(1);
    expect(store.due()).toEqual([]);
    expect(clock.pending()).toBe(0);
  });

  it("lets one barred file hold up no other", async () => {
    const { store, sink, clock, prover } = proverBench();
    const all = proofs(300);
    sink.barred = new Set([all[3]!.runId]);
    store.add(...all);
    prover.due();
    await prover.idle();
    await clock.advance(10_000);
    await prover.idle();
    expect(store.due()).toEqual([all[3]!.runId]);
    expect(sink.files.size).toBe(299);
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
    bench.store.add(...proofs(2));
    prover.due();
    await prover.idle();
    expect(bench.store.due()).toHaveLength(2);
    bench.prover.due();
    await bench.prover.idle();
    expect(bench.store.due()).toEqual([]);
  });

  it("writes missing files again at its start, whatever their number, and no other", async () => {
    const { store, sink, prover, again } = proverBench();
    const all = proofs(700);
    store.add(...all);
    prover.due();
    await prover.idle();
    const texts = new Map(sink.files);
    for (const index of [0, 255, 256, 699]) sink.files.delete(all[index]!.runId);
    sink.batches.length = 0;
    const next = again();
    await next.start();
    await next.idle();
    expect(new Map([...sink.files].sort())).toEqual(texts);
    expect(sink.batches.reduce((sum, size) => sum + size, 0)).toBe(4);
    await next.stop();
  });

  it("writes what is due before it stops, and nothing afterwards", async () => {
    const { store, sink, prover } = proverBench();
    await prover.start();
    await prover.idle();
    const [first, second] = proofs(2);
    store.add(first!);
    await prover.stop();
    expect([...sink.files.keys()]).toEqual([first!.runId]);
    store.add(second!);
    prover.due();
    await prover.idle();
    expect(sink.files.size).toBe(1);
  });

  it("stops at once when files cannot be written and leaves them to the next start", async () => {
    const { store, sink, clock, prover, again } = proverBench();
    await prover.start();
    sink.barred = "all";
    store.add(...proofs(2));
    prover.due();
    await prover.stop();
    expect(clock.pending()).toBe(0);
    sink.barred = new Set();
    const next = again();
    await next.start();
    await next.idle();
    expect(store.due()).toEqual([]);
    await next.stop();
  });
});
