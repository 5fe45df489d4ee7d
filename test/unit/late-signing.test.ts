import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBundle } from "../../src/domain/bundle.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { createLateSigning } from "../../src/proofs/late-signing.ts";
import { trustedKey } from "../../src/proofs/trusted-key.ts";
import { parseVkey } from "../../src/proofs/tlog/note.ts";
import { verifyProof } from "../../src/proofs/verify.ts";
import { settle } from "../support/fake-clock.ts";
import { createLateSigner, type LateSigner } from "../support/late-signer.ts";
import { ownSigner, proverBench, statements } from "../support/prover-bench.ts";

function lateBench(crashPoint = noCrashPoint) {
  const signer = createLateSigner(ownSigner);
  const bench = proverBench({ signer, seal: { keyId: ownSigner.keyId, sign: null }, crashPoint });
  /** Every file says that its statement is a leaf of its own under the signed head, signed by the key. */
  async function expectProven(): Promise<void> {
    const logs = (await bench.store.tlogs()).map(({ vkey }) => parseVkey(vkey));
    const indexes: number[] = [];
    for (const text of bench.sink.files.values()) {
      const { findings } = await verifyProof({ bundle: text, keys: [trustedKey(ownSigner.publicKey)], logs });
      const wrong = findings.filter(({ check, status }) => status !== "passed" && check !== "statement");
      expect(wrong).toEqual([]);
      indexes.push(parseBundle(text).entry!.index);
    }
    expect(indexes.sort((one, other) => one - other)).toEqual(indexes.map((_, at) => at));
    expect(indexes).toHaveLength(await bench.store.lastStatementId());
    expect(await bench.store.firstUnsignedId()).toBe(0);
  }
  return { ...bench, signer, expectProven };
}

const timesSigned = ({ signed }: LateSigner) => [...signed.values()];

describe("statements that were stored unsigned", () => {
  it("are signed once each, some at a time, before they are appended in their order", async () => {
    const { store, signer, sink, prover, runFiles, expectProven } = lateBench();
    store.add(...statements(600, null));
    prover.due();
    await prover.idle();
    expect(runFiles()).toHaveLength(600);
    expect(signer.mostAtOnce()).toBe(8);
    expect(timesSigned(signer)).toEqual(Array(601).fill(1));
    // Each batch of signatures has its head, so that a slow signer's first proofs need not wait for its last.
    expect(Math.max(...sink.batches)).toBe(64);
    await expectProven();
  });

  it("hold up what comes after them, signed or not, and nothing before them", async () => {
    const { store, sink, signer, clock, errors, prover, runFiles, dueRuns } = lateBench();
    const all = statements(40);
    store.add(...all.slice(0, 10), { ...all[10]!, signature: null }, ...all.slice(11));
    signer.mood = (request) => (request === 1 ? "sign" : "fail");
    prover.due();
    await prover.idle();
    expect(runFiles()).toEqual(all.slice(0, 10).map(({ file }) => file));
    expect(prover.log()).toMatchObject({ state: "waiting", error: { code: "SIGNER_FAILED" } });
    for (let minute = 0; minute < 5; minute++) await clock.advance(60_000);
    expect(dueRuns()).toHaveLength(30);
    expect(errors).toEqual(["proof.unsigned: statements wait unsigned; trying again"]);
    signer.mood = () => "sign";
    await clock.advance(60_000);
    await prover.idle();
    expect(prover.log().state).toBe("signing");
    expect(timesSigned(signer)).toEqual([1, 1]);
    const indexes = runFiles().map((file) => parseBundle(sink.files.get(file)!).entry!.index);
    expect(indexes).toEqual(all.map((_, at) => at + 1));
    expect(clock.pending()).toBe(0);
  });

  it("lose no signature that was made beside one that failed", async () => {
    const { store, signer, clock, prover, runFiles, expectProven } = lateBench();
    store.add(...statements(20, null));
    signer.mood = (request) => (request === 4 ? "fail" : "sign");
    prover.due();
    await prover.idle();
    expect(runFiles()).toHaveLength(2);
    await clock.advance(1_000);
    await prover.idle();
    expect(runFiles()).toHaveLength(20);
    expect(timesSigned(signer)).toEqual(Array(21).fill(1));
    await expectProven();
  });

  it("are signed by the next life when this one ends between signatures and their record, and are one leaf each", async () => {
    let crashes = 1;
    const { store, signer, again, expectProven } = lateBench(() => {
      if (crashes-- > 0) throw new Error("the daemon died here");
    });
    store.add(...statements(10, null));
    const first = again();
    first.due();
    await first.idle();
    expect(await store.firstUnsignedId()).toBe(1);
    const next = again();
    await next.start();
    await next.idle();
    expect(Math.max(...timesSigned(signer))).toBe(2);
    await expectProven();
    await next.stop();
  });

  it("are not waited for longer than five seconds, by nobody who asks", async () => {
    const { store, signer, clock, prover } = lateBench();
    store.add(...statements(3, null));
    signer.mood = () => "hang";
    const answers: string[] = [];
    void prover.caughtUp().then(() => answers.push("first"));
    await clock.advance(4_000);
    void prover.caughtUp().then(() => answers.push("second"));
    await clock.advance(999);
    expect(answers).toEqual([]);
    await clock.advance(1);
    expect(answers).toEqual(["first", "second"]);
    const stopping = prover.stop();
    await clock.advance(5_000);
    await stopping;
  });

  it("keep no daemon from ending: the signer has five seconds more, and is then given up", async () => {
    const { store, signer, clock, prover, again, runFiles, expectProven } = lateBench();
    await prover.start();
    await prover.idle();
    store.add(...statements(30, null));
    signer.mood = (request) => (request < 12 ? "sign" : "hang");
    const stopping = prover.stop();
    let stopped = false;
    void stopping.then(() => (stopped = true));
    await clock.advance(4_999);
    expect(stopped).toBe(false);
    await clock.advance(1);
    await stopping;
    expect(clock.pending()).toBe(0);
    expect(runFiles().length).toBeGreaterThan(0);
    signer.mood = () => "sign";
    const next = again();
    await next.start();
    await next.idle();
    expect(runFiles()).toHaveLength(30);
    expect(timesSigned(signer)).toEqual(Array(31).fill(1));
    await expectProven();
    await next.stop();
  });

  it("wait in the store when signatures cannot be recorded", async () => {
    const { store, signer, again, runFiles, expectProven } = lateBench();
    store.add(...statements(3, null));
    const refusing = { submit: async () => ({ ok: false as const, refusal: "stale" as const, message: "no" }) };
    const sign = createLateSigning({ signer, writer: refusing, crashPoint: noCrashPoint });
    const prover = again({ sign });
    prover.due();
    await prover.idle();
    expect(runFiles()).toEqual([]);
    expect(prover.log().state).toBe("signing");
    await prover.stop();
    const next = again();
    await next.start();
    await next.idle();
    await expectProven();
    await next.stop();
  });

  it("come to one leaf each, whatever the signer does and however often the daemon dies", async () => {
    const moods = fc.array(fc.constantFrom("sign" as const, "fail" as const), { maxLength: 40 });
    const rounds = fc.array(fc.record({ added: fc.nat(12), moods, dies: fc.boolean() }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(rounds, async (lives) => {
        let dies = false;
        const { store, signer, clock, again, expectProven } = lateBench(() => {
          if (dies) throw new Error("the daemon died here");
        });
        let added = 0;
        for (const life of lives) {
          const more = statements(added + life.added, null).slice(added);
          added += life.added;
          store.add(...more);
          ({ dies } = life);
          let request = 0;
          signer.mood = () => life.moods[request++] ?? "sign";
          const prover = again();
          await prover.start();
          await prover.idle();
          await clock.advance(1_000);
          await settle();
          await prover.stop();
        }
        dies = false;
        signer.mood = () => "sign";
        const last = again();
        await last.start();
        await last.idle();
        await expectProven();
        await last.stop();
      }),
      { numRuns: 60 },
    );
  });
});
