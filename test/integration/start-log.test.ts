import { describe, expect, it, onTestFinished } from "vitest";
import type { Change } from "../../src/domain/change.ts";
import { startFileName } from "../../src/domain/proof.ts";
import { CascadeError } from "../../src/kernel/errors.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import type { Store } from "../../src/ports/store.ts";
import { snapshot, task } from "../support/definitions.ts";
import { type EngineBench, engineBench } from "../support/engine-bench.ts";
import { eventually } from "../support/eventually.ts";
import { tempFolder } from "../support/temp-folder.ts";

const strict = snapshot([task("a")], { name: "strict", logStart: true });
const plain = snapshot([task("a")], { name: "plain" });
const never = () => new Promise(() => {});

/** What lies in the log, in order: the runs by their starts and ends. */
async function logOf({ store }: EngineBench): Promise<string[]> {
  return (await store.statementsAfter(0, 1_000)).map(({ statement }) => {
    const { started, run } = JSON.parse(statement) as { started?: string; run?: string };
    return started === undefined ? `${run} ended` : `${started} started`;
  });
}

const request = { params: "{}", trigger: { kind: "manual" as const }, key: null, plannedAt: 0 };

describe("runs of a workflow that logs its starts", () => {
  it("have a statement each before that of their end, which names it; others have none", async () => {
    const bench = await engineBench(tempFolder(), { a: () => 1 }, { snapshots: [strict, plain] });
    const { runs } = await bench.engine.startRuns(
      [strict, plain, strict].map((one) => ({ ...request, snapshot: one })),
    );
    const [first, other, last] = runs.map(({ id }) => id) as [string, string, string];
    for (const id of [first, other, last]) await bench.end(id);
    const log = await logOf(bench);
    expect(log.slice(0, 2)).toEqual([`${first} started`, `${last} started`]);
    expect(log.slice(2).sort()).toEqual([first, other, last].map((id) => `${id} ended`).sort());
    expect(bench.started).toEqual([first, last]);
    for (const id of [first, last]) {
      const run = await bench.read(id);
      const [start] = (await bench.store.statementsAfter(0, 2)).filter(({ file }) => file === startFileName(run));
      expect(run.startDigest).toBe(sha256(start!.statement));
      const { proof } = (await bench.store.proof(id))!;
      expect(JSON.parse(proof.statement)).toMatchObject({ start: run.startDigest });
    }
    expect((await bench.read(other)).startDigest).toBeNull();
  });

  it("are dispatched only when the statement is durable", async () => {
    const written: Change[] = [];
    let release = (): void => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const slow = (store: Store): Store => ({
      ...store,
      async commit(changes) {
        written.push(...changes);
        if (changes.some(({ type }) => type === "create_runs")) await released;
        return store.commit(changes);
      },
    });
    const bench = await engineBench(tempFolder(), { a: () => 1 }, { wrapStore: slow, snapshots: [strict] });
    onTestFinished(() => release());
    const begun = bench.begin(strict);
    const created = await eventually(() => written.find((change) => change.type === "create_runs") ?? false);
    // The very change that creates the run and claims its first task holds the statement.
    expect(created.runs).toMatchObject([{ run: { head: { state: "running" } }, start: { signature: "" } }]);
    await bench.engine.beat();
    expect([bench.host.received, bench.started, await logOf(bench)]).toEqual([[], [], []]);
    release();
    const run = await bench.end(await begun);
    expect(await logOf(bench)).toEqual([`${run.id} started`, `${run.id} ended`]);
  });

  it("leave no statement when they are refused", async () => {
    const bench = await engineBench(tempFolder(), { a: () => 1 }, { snapshots: [strict] });
    const first = await bench.begin(strict, { key: "taken" });
    await bench.end(first);
    const refused = await bench.engine.startRuns([
      { ...request, snapshot: strict },
      { ...request, snapshot: strict, key: "taken" },
    ]);
    expect(refused.verdict).toMatchObject({ ok: false, refusal: "exists" });
    const last = await bench.begin(strict);
    await bench.end(last);
    expect(await logOf(bench)).toEqual([first, last].flatMap((id) => [`${id} started`, `${id} ended`]));
    expect(bench.started).toEqual([first, last]);
  });

  it("are not created while nobody can sign, and then hold nothing back", async () => {
    let fails = true;
    const alone = snapshot([task("a")], { logStart: true, concurrency: 1 });
    const bench = await engineBench(
      tempFolder(),
      { a: () => 1 },
      {
        snapshots: [alone],
        host: { concurrency: 1 },
        options: {
          async sealStart({ id }) {
            if (fails) throw new CascadeError("SIGNER_FAILED", "the signer does not answer");
            const statement = JSON.stringify({ started: id });
            return { statement, digest: sha256(statement), signature: "", keyId: "" };
          },
        },
      },
    );
    await expect(bench.begin(alone)).rejects.toMatchObject({ code: "SIGNER_FAILED" });
    await expect(bench.engine.newRun({ ...request, snapshot: alone })).rejects.toMatchObject({ code: "SIGNER_FAILED" });
    expect(await bench.store.unfinishedRuns()).toEqual([]);
    fails = false;
    const run = await bench.end(await bench.begin(alone));
    expect(await logOf(bench)).toEqual([`${run.id} started`, `${run.id} ended`]);
  });

  it("are given to whoever writes them in a change of its own with their statement", async () => {
    const bench = await engineBench(tempFolder(), { a: () => 1 }, { snapshots: [strict] });
    const created = await bench.engine.newRun({ ...request, snapshot: strict });
    expect(created.start?.digest).toBe(created.run.startDigest);
    expect(await logOf(bench)).toEqual([]);
    expect(await bench.engine.submit({ type: "create_runs", runs: [created] })).toEqual({ ok: true });
    expect(bench.started).toEqual([]);
    bench.engine.started([created]);
    expect(bench.started).toEqual([created.run.id]);
    await bench.end(created.run.id);
    expect(await logOf(bench)).toEqual([`${created.run.id} started`, `${created.run.id} ended`]);
  });

  it("that a daemon's end cuts off are not started anew, and their end still names the statement", async () => {
    const folder = tempFolder();
    const first = await engineBench(folder, { a: never }, { snapshots: [strict] });
    const id = await first.begin(strict);
    await eventually(() => first.host.begun.length === 1);
    const stopping = first.engine.stop();
    await first.clock.advance(10_000);
    await stopping;
    const second = await engineBench(folder, { a: () => 1 }, { clock: first.clock });
    const run = await second.end(id);
    expect(await logOf(second)).toEqual([`${id} started`, `${id} ended`]);
    const { proof } = (await second.store.proof(id))!;
    expect(JSON.parse(proof.statement)).toMatchObject({ start: run.startDigest });
    expect(run.startDigest).not.toBeNull();
  });
});
