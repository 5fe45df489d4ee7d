import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createSyncedWriter } from "../../src/adapters/filesystem/synced-writer.ts";
import { createTlogFiles } from "../../src/adapters/filesystem/tlog-files.ts";
import { openTlogReader } from "../../src/daemon/tlog-reading.ts";
import { parseBundle } from "../../src/domain/bundle.ts";
import { proofFileName, startFileName } from "../../src/domain/proof.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import { createPruner, type PrunerOptions } from "../../src/proofs/pruner.ts";
import { trustedKey } from "../../src/proofs/trusted-key.ts";
import { verifyProof } from "../../src/proofs/verify.ts";
import { snapshot, task } from "../support/definitions.ts";
import { type ProofBench, proofBench } from "../support/proof-bench.ts";
import { tempFolder } from "../support/temp-folder.ts";

const DAY = 86_400_000;
const frozen = snapshot([task("a")]);
const never = () => false;

async function pruneBench(change: Partial<PrunerOptions> = {}) {
  const folder = tempFolder();
  const bench = await proofBench(folder, { a: () => 1 });
  await bench.prover.start();
  const files = createTlogFiles({
    folder: join(folder, "tlog"),
    formerFolder: join(folder, "tlog-former"),
    writer: createSyncedWriter(),
  });
  const prune = createPruner({
    store: bench.store,
    writer: bench.engine,
    files,
    sink: bench.sink,
    prover: bench.prover,
    seal: bench.signer,
    clock: bench.clock,
    logger: silentLogger,
    ...change,
  });
  /** So many runs, to their files. */
  async function prove(count: number): Promise<string[]> {
    const ids = await Promise.all(Array.from({ length: count }, () => bench.begin(frozen)));
    for (const id of ids) await bench.end(id);
    await bench.prover.idle();
    return ids;
  }
  return { ...bench, folder, prune, prove };
}

/** Proofs of 300 runs on each of three days, the log and the files as a daemon leaves them. */
async function threeDays(change: Partial<PrunerOptions> = {}) {
  const bench = await pruneBench(change);
  const runs: string[][] = [];
  for (let day = 0; day < 3; day++) {
    if (day > 0) await bench.clock.advance(DAY);
    runs.push(await bench.prove(300));
  }
  return { ...bench, runs };
}

async function isValid(bench: ProofBench, text: string): Promise<boolean> {
  const trust = { keys: [trustedKey(bench.signer.publicKey)], logs: await bench.logs() };
  return (await verifyProof({ bundle: text, ...trust })).result === "valid";
}

describe("a log that is pruned", () => {
  it("lets go of whole tiles that are older, says so in the log first, and keeps the rest provable", async () => {
    const bench = await threeDays();
    const { store, folder, runs, prune, sink } = bench;
    const copies = await Promise.all(
      runs.map(async ([id]) => (await sink.read(proofFileName((await store.proof(id!))!.proof)))!),
    );
    const before = await openTlogReader(folder);
    const head = await before.head();
    await before.close();

    // 301 leaves of the first day and of the opening: one tile of 256 is older than a day.
    expect(await prune(DAY, never)).toBe(256);
    const tlog = (await store.tlog())!;
    expect(tlog.minimumIndex).toBe(256);
    expect(readdirSync(join(folder, "tlog/tile/0")).sort()).not.toContain("000");
    expect(existsSync(join(folder, "tlog/tile/entries/000"))).toBe(false);
    expect(JSON.parse(readFileSync(join(folder, "tlog/retention.json"), "utf8"))).toEqual({
      minimumIndex: 256,
      policy:
        "proofs are kept for 1d after the day on which their run ended, statements of starts after that on which it was created",
    });

    const pruned = runs[0]!.filter((_, index) => index < 200);
    const gone = await Promise.all(pruned.map((id) => store.proof(id)));
    expect(gone.every((proof) => proof === undefined)).toBe(true);
    expect(await Promise.all(pruned.map((id) => store.isPruned(id)))).toEqual(pruned.map(() => true));
    const kept = runs.flat().slice(256);
    for (const id of [kept[0]!, kept.at(-1)!]) {
      expect(await isValid(bench, (await sink.read(proofFileName((await store.proof(id))!.proof)))!)).toBe(true);
    }
    // Copies that others hold: those of pruned runs, too.
    for (const copy of copies) expect(await isValid(bench, copy)).toBe(true);

    const reader = await openTlogReader(folder);
    expect((await reader.fsck(() => undefined)).filter(({ status }) => status !== "passed")).toEqual([]);
    expect((await reader.consistency(head, await reader.head())).from).toBe(901);
    await expect(reader.consistency("100", "900")).rejects.toMatchObject({ code: "TLOG_PRUNED" });
    expect((await reader.consistency("256", "900")).path.length).toBeGreaterThan(0);
    await expect(reader.prove(pruned[0]!)).rejects.toMatchObject({ code: "PROOF_PRUNED" });
    expect(parseBundle((await noticeOf(bench))!).entry!.index).toBe(901);
    await reader.close();
  });

  it("goes on after a restart, makes missing files of what is kept again, and prunes further", async () => {
    const bench = await threeDays();
    const { store, folder, prune, sink, runs } = bench;
    await prune(DAY, never);
    await bench.prover.stop();
    const last = proofFileName((await store.proof(runs[2]!.at(-1)!))!.proof);
    const text = await sink.read(last);
    rmSync(join(folder, "proofs", last));
    for (const name of readdirSync(join(folder, "tlog/tile/0")))
      rmSync(join(folder, "tlog/tile/0", name), { recursive: true });
    rmSync(join(folder, "tlog/tile/entries"), { recursive: true });
    const next = bench.nextProver();
    await next.start();
    await next.idle();
    expect(next.log().state).toBe("signing");
    expect(await sink.read(last)).toBe(text);
    const again = createPruner({
      store,
      writer: bench.engine,
      files: createTlogFiles({ folder: join(folder, "tlog"), formerFolder: folder, writer: createSyncedWriter() }),
      sink,
      prover: next,
      seal: bench.signer,
      clock: bench.clock,
      logger: silentLogger,
    });
    expect(await again(DAY, never)).toBe(0);
    expect(await again(0, never)).toBe(256);
    expect((await store.tlog())!.minimumIndex).toBe(512);
    // Of the first day nothing is kept, so its folder goes.
    expect(readdirSync(join(folder, "proofs/2026/01")).sort()).toEqual(["02", "03"]);
    const reader = await openTlogReader(folder);
    expect((await reader.fsck(() => undefined)).filter(({ status }) => status !== "passed")).toEqual([]);
    await reader.close();
    await next.stop();
  });

  it("ends early when it is told to, and comes back to the rest; without a limit nothing goes", async () => {
    const { prune, store } = await threeDays();
    expect(await prune(Infinity, never)).toBe(0);
    let asked = 0;
    expect(await prune(DAY, () => ++asked > 1)).toBe(100);
    expect(await store.firstStatementId()).toBe(101);
    expect(await prune(Infinity, never)).toBe(156);
    expect(await store.firstStatementId()).toBe(257);
  });

  it("lets nothing go before its notice is signed, however often it comes to that, and gives one notice", async () => {
    const waiting = { due: () => undefined, caughtUp: async () => undefined };
    const signing = { state: "signing" as const, tlog: null };
    const bench = await threeDays({
      seal: { keyId: "to sign later", sign: null },
      prover: { ...waiting, log: () => signing },
    });
    const { store, prune, prover } = bench;
    for (let turn = 0; turn < 3; turn++) expect(await prune(DAY, never)).toBe(0);
    expect(await store.lastStatementId()).toBe(902);
    expect((await store.tlog())!.minimumIndex).toBe(0);
    // What is kept longer now is not what was to go.
    expect(await prune(9 * DAY, never)).toBe(0);
    await store.commit([{ type: "change_key", keyId: bench.signer.keyId, note: null }]);
    prover.due();
    await prover.idle();
    expect(await prune(DAY, never)).toBe(256);
    expect(await store.lastStatementId()).toBe(902);
  });

  it("keeps the file of a start that was stored among ends of the day after its creation", async () => {
    const { clock, engine, folder, prune, prove, prover, sink } = await pruneBench();
    await prove(255);
    const strict = { ...frozen, definition: { ...frozen.definition, logStart: true as const } };
    const request = { snapshot: strict, params: "{}", trigger: { kind: "manual" as const }, key: null, plannedAt: 0 };
    const created = await engine.newRun(request);
    await clock.advance(DAY);
    await prove(1);
    await engine.submit({ type: "create_runs", runs: [created] });
    engine.started([created]);
    await prover.caughtUp();
    await clock.advance(DAY);
    expect(await prune(DAY, never)).toBe(256);
    expect(readdirSync(join(folder, "proofs/2026/01")).sort()).toEqual(["01", "02"]);
    expect(await sink.read(startFileName(created.run))).toContain(created.start!.signature);
  });

  it("gives a workflow's chain an end that the first kept proof is held against", async () => {
    const { prune, store } = await threeDays();
    await prune(DAY, never);
    const end = await store.prunedEnd("pack/flow");
    const next = (await store.proofByNumber("pack/flow", end.runNumber + 1))!;
    expect(next.proof.previousProof).toBe(end.digest);
    expect(await store.proofByNumber("pack/flow", end.runNumber)).toBeUndefined();
    expect(await store.prunedEnd("pack/other")).toEqual({ runNumber: 0, digest: null });
  });
});

async function noticeOf({ store, sink }: ProofBench): Promise<string | undefined> {
  const all = await store.statementsAfter(0, 10_000);
  const notice = all.find(({ statement }) => statement.includes("urn:cascade:attestation:tlog-prune:v1"));
  return notice && sink.read(notice.file);
}
