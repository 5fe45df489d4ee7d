import { beforeEach, describe, expect, it } from "vitest";
import type { Store } from "../../src/ports/store.ts";
import { CascadeError } from "../../src/kernel/errors.ts";
import { noRetry } from "../../src/domain/workflow.ts";
import { snapshot, task } from "../support/definitions.ts";
import { engineBench } from "../support/engine-bench.ts";
import { eventually } from "../support/eventually.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createUnrulyStore } from "../support/unruly-store.ts";
import { tempFolder } from "../support/temp-folder.ts";

const chain = snapshot([task("a"), task("b", { after: ["a"] }), task("c", { after: ["b"] })]);
const single = snapshot([task("a")]);

type Tasks = Parameters<typeof engineBench>[1];
type Change = Parameters<typeof engineBench>[2];

describe("the engine", () => {
  let folder: string;
  beforeEach(() => {
    folder = "";
  });
  const open = (tasks: Tasks, change?: Change) => {
    folder ||= tempFolder();
    return engineBench(folder, tasks, change);
  };

  it("runs a chain in order and hands outputs downstream", async () => {
    const seen: unknown[] = [];
    const bench = await open({
      a: () => ({ n: 1 }),
      b: ({ upstream }) => seen.push(upstream["a"]),
      c: ({ upstream }) => upstream["b"],
    });
    const run = await bench.end(await bench.begin(chain));
    expect(run.head.state).toBe("succeeded");
    expect(seen).toEqual([{ n: 1 }]);
    expect(run.tasks.get("c")!.output).toEqual({ kind: "inline", json: "1" });
    expect(bench.ended).toEqual([run.id]);
  });

  it("waits for every upstream of a join and runs independent tasks at once", async () => {
    const width = 20;
    const names = Array.from({ length: width }, (_, index) => `n${index}`);
    const wide = snapshot([
      task("root"),
      ...names.map((name) => task(name, { after: ["root"] })),
      task("join", { after: names }),
    ]);
    const tasks = Object.fromEntries(names.map((name) => [name, () => name]));
    const bench = await open(
      { ...tasks, root: () => 0, join: ({ upstream }) => Object.keys(upstream).length },
      { host: { concurrency: 8 } },
    );
    const run = await bench.end(await bench.begin(wide));
    expect(run.tasks.get("join")!.output).toEqual({ kind: "inline", json: String(width) });
  });

  it("retries when the stored instant comes, and not before", async () => {
    const flaky = snapshot([task("a", { retry: { ...noRetry, attempts: 3, delayMs: 60_000, jitter: 0 } })]);
    const bench = await open({
      a: ({ attempt }) => {
        if (attempt < 3) throw new Error("not yet");
        return attempt;
      },
    });
    const id = await bench.begin(flaky);
    await eventually(async () => (await bench.read(id)).tasks.get("a")!.state === "waiting");
    expect(bench.engine.counts().waiting).toBe(1);
    await bench.clock.advance(59_999);
    expect((await bench.read(id)).tasks.get("a")!.state).toBe("waiting");
    await bench.clock.advance(1);
    await eventually(async () => (await bench.read(id)).tasks.get("a")!.countedAttempts === 2);
    await bench.clock.advance(120_000);
    const run = await bench.end(id);
    expect(run.tasks.get("a")!.attempts.map(({ outcome }) => outcome)).toEqual(["failed", "failed", "succeeded"]);
  });

  it("waits for a retry as long as it was to, although the clock is set back", async () => {
    const flaky = snapshot([task("a", { retry: { ...noRetry, attempts: 2, delayMs: 60_000, jitter: 0 } })]);
    const bench = await open({
      a: ({ attempt }) => {
        if (attempt < 2) throw new Error("not yet");
        return attempt;
      },
    });
    const id = await bench.begin(flaky);
    await eventually(async () => (await bench.read(id)).tasks.get("a")!.state === "waiting");
    bench.clock.jump(-7_200_000);
    await bench.clock.advance(60_000);
    expect((await bench.end(id)).head.state).toBe("succeeded");
  });

  it("skips what depends on a failed task and goes on with the rest", async () => {
    const frozen = snapshot([
      task("bad"),
      task("after-bad", { after: ["bad"] }),
      task("good"),
      task("after-good", { after: ["good"] }),
    ]);
    const bench = await open({
      bad: () => {
        throw new Error("broken");
      },
      good: () => 1,
      "after-good": () => 2,
    });
    const run = await bench.end(await bench.begin(frozen));
    expect(run.head).toMatchObject({ state: "failed", failure: { message: "task bad: broken" } });
    expect([...run.tasks.values()].map(({ state }) => state)).toEqual(["failed", "skipped", "succeeded", "succeeded"]);
  });

  it("holds runs beyond the workflow's limit and says why", async () => {
    const limited = snapshot([task("a")], { concurrency: 1 });
    let release = () => {};
    const bench = await open({ a: () => new Promise<void>((resolve) => (release = resolve)) });
    const first = await bench.begin(limited);
    const second = await bench.begin(limited);
    await eventually(() => bench.host.begun.length === 1);
    expect(bench.engine.holds(second).map(({ kind }) => kind)).toEqual(["workflow_concurrency"]);
    release();
    await bench.end(first);
    await eventually(() => bench.host.begun.length === 2);
    release();
    expect((await bench.end(second)).head.state).toBe("succeeded");
  });

  it("begins what waits before what comes after, also when one commit claims both", async () => {
    let endFirst = (): void => undefined;
    const bench = await open(
      { a: () => new Promise<void>((resolve) => (endFirst = resolve)), b: () => null, waiter: () => null },
      {
        host: { concurrency: 1, prefetch: 2 },
        wrapHost: (host) => ({ ...host, room: (...of) => (host.running() > 0 ? 0 : host.room(...of)) }),
      },
    );
    const first = await bench.begin(snapshot([task("a"), task("b", { after: ["a"] })]));
    await eventually(() => bench.host.begun.length === 1);
    const waiting = await bench.begin(snapshot([task("waiter")]));
    await eventually(async () => (await bench.read(waiting)).tasks.get("waiter")!.state === "ready");
    endFirst();
    await Promise.all([bench.end(first), bench.end(waiting)]);
    expect(bench.host.begun.map(({ task }) => task)).toEqual(["a", "waiter", "b"]);
  });

  it("keeps to a task's own limit over all runs", async () => {
    const frozen = snapshot([task("a", { concurrency: 2 })]);
    let running = 0;
    let most = 0;
    const bench = await open(
      {
        a: async () => {
          most = Math.max(most, ++running);
          await new Promise((resolve) => setImmediate(resolve));
          running--;
        },
      },
      { host: { concurrency: 8 } },
    );
    const ids = await Promise.all(Array.from({ length: 12 }, () => bench.begin(frozen)));
    for (const id of ids) await bench.end(id);
    expect(most).toBe(2);
  });

  it("lets runs of a paused workflow wait until it is resumed", async () => {
    const bench = await open({ a: () => 1 }, { snapshots: [single] });
    bench.engine.setPaused("pack/flow", true);
    const id = await bench.begin(single);
    expect(bench.engine.holds(id).map(({ kind }) => kind)).toEqual(["workflow_paused"]);
    expect((await bench.read(id)).head.state).toBe("queued");
    bench.engine.setPaused("pack/flow", false);
    expect((await bench.end(id)).head.state).toBe("succeeded");
  });

  it("cancels a run: what waits at once, what runs when it has ended", async () => {
    const bench = await open({
      a: ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stop")))),
    });
    const id = await bench.begin(chain);
    await eventually(() => bench.host.begun.length === 1);
    expect(await bench.engine.cancel(id, "user")).toBe(true);
    const run = await bench.end(id);
    expect(run.head.state).toBe("cancelled");
    expect([...run.tasks.values()].map(({ state }) => state)).toEqual(["cancelled", "cancelled", "cancelled"]);
    expect(await bench.engine.cancel(id, "user")).toBe(false);
  });

  it("ends a run whose own time is over", async () => {
    const frozen = snapshot([task("a")], { timeoutMs: 30_000 });
    const bench = await open({
      a: ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stop")))),
    });
    const id = await bench.begin(frozen);
    await eventually(() => bench.host.begun.length === 1);
    await bench.clock.advance(30_000);
    const run = await bench.end(id);
    expect(run.head).toMatchObject({ state: "failed", failure: { code: "RUN_TIMED_OUT" } });
  });

  it("gives a run its own time, whatever the clock is set to meanwhile and over a restart", async () => {
    const folder = tempFolder();
    const frozen = snapshot([task("a")], { timeoutMs: 3_600_000 });
    const endless: Tasks = {
      a: ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stop")))),
    };
    const first = await engineBench(folder, endless);
    const id = await first.begin(frozen);
    await eventually(() => first.host.begun.length === 1);
    const until = first.clock.now();
    first.clock.jump(7_200_000);
    await first.clock.advance(600_000);
    expect((await first.read(id)).head.state).toBe("running");
    await first.engine.clockStepped({ until, by: 7_200_000 });
    const stopping = first.engine.stop();
    await first.clock.advance(10_000);
    await stopping;
    const second = await engineBench(folder, endless, { clock: createFakeClock(first.clock.now()) });
    await eventually(() => second.host.begun.length === 1);
    await second.clock.advance(2_900_000);
    expect((await second.read(id)).head.state).toBe("running");
    await second.clock.advance(100_000);
    expect((await second.end(id)).head).toMatchObject({ state: "failed", failure: { code: "RUN_TIMED_OUT" } });
  });

  it("writes many starts in few commits", async () => {
    let commits = 0;
    const counting = (store: Store): Store => ({
      ...store,
      commit(changes) {
        commits++;
        return store.commit(changes);
      },
    });
    const bench = await open({ a: () => 1 }, { wrapStore: counting, snapshots: [single] });
    const ids = await Promise.all(Array.from({ length: 500 }, () => bench.begin(single)));
    for (const id of ids) await bench.end(id);
    expect(commits).toBeLessThan(400);
  });

  it("numbers the proofs of a workflow without gaps, many ends in one batch included", async () => {
    const bench = await open({ a: () => 1 }, { host: { concurrency: 32 } });
    const ids = await Promise.all(Array.from({ length: 60 }, () => bench.begin(single)));
    for (const id of ids) await bench.end(id);
    const proofs = await Promise.all(ids.map(async (id) => (await bench.store.proof(id))!.proof));
    const inOrder = proofs.sort((a, b) => a.runNumber - b.runNumber);
    expect(inOrder.map(({ runNumber }) => runNumber)).toEqual(ids.map((_, index) => index + 1));
    inOrder.slice(1).forEach((proof, index) => expect(proof.previousProof).toBe(inOrder[index]!.digest));
  });

  it("refuses a second run with the same key and keeps the batch's other runs", async () => {
    const bench = await open({ a: () => 1 });
    await bench.begin(single, { key: "k" });
    const request = { snapshot: single, params: "{}", trigger: { kind: "manual" as const }, plannedAt: 0 };
    const [again, other] = await Promise.all([
      bench.engine.startRuns([{ ...request, key: "k" }]),
      bench.engine.startRuns([{ ...request, key: "other" }]),
    ]);
    expect(again.verdict).toMatchObject({ ok: false, refusal: "exists" });
    expect(other.verdict.ok).toBe(true);
  });

  it("waits while storage is full and goes on by itself", async () => {
    let full = true;
    const failing = (store: Store): Store => ({
      ...store,
      async commit(changes) {
        if (full) throw new CascadeError("STORE_FULL", "disk full");
        return store.commit(changes);
      },
    });
    const bench = await open({ a: () => 1 }, { wrapStore: failing, snapshots: [single] });
    const begun = bench.begin(single);
    await bench.clock.advance(3_000);
    expect(bench.host.received).toEqual([]);
    full = false;
    await bench.clock.advance(1_000);
    expect((await bench.end(await begun)).head.state).toBe("succeeded");
  });

  it("drains: running attempts end, waiting ones stay for the next start, new runs are refused", async () => {
    let release = () => {};
    const bench = await open({ a: () => new Promise<void>((resolve) => (release = resolve)), b: () => 1, c: () => 1 });
    const id = await bench.begin(chain);
    await eventually(() => bench.host.begun.length === 1);
    const drained = bench.engine.drain(30_000);
    await expect(bench.begin(single)).rejects.toMatchObject({ code: "DAEMON_DRAINING" });
    release();
    await eventually(async () => {
      await bench.clock.advance(20);
      return (await bench.read(id)).tasks.get("a")!.state === "succeeded";
    });
    await bench.clock.advance(100);
    await drained;
    expect((await bench.read(id)).tasks.get("b")!.state).toBe("ready");
  });

  it("ends what is left at a stop as interrupted, uncounted, and runs it first after the restart", async () => {
    const first = await open({ a: () => new Promise(() => {}) });
    const id = await first.begin(single);
    await eventually(() => first.host.begun.length === 1);
    const stopping = first.engine.stop();
    await first.clock.advance(10_000);
    await stopping;
    expect((await first.read(id)).tasks.get("a")).toMatchObject({
      state: "ready",
      countedAttempts: 0,
      attempts: [{ outcome: "interrupted" }],
    });
    const second = await open({ a: ({ attempt }) => attempt }, { clock: first.clock });
    expect((await second.end(id)).tasks.get("a")!.output).toEqual({ kind: "inline", json: "2" });
  });

  it("runs a task alone that was open at three deaths in a row, and gives it up after two more", async () => {
    const kills = snapshot([task("killer"), task("bystander")]);
    const tasks = { killer: () => new Promise(() => {}), bystander: () => new Promise(() => {}) };
    let bench = await open(tasks);
    const id = await bench.begin(kills);
    await eventually(() => bench.host.begun.length === 2);
    // Each further life opens the same database without having ended the one before: that is what a SIGKILL leaves.
    for (let life = 0; life < 3; life++) {
      bench = await open(tasks, { clock: bench.clock });
      await eventually(() => bench.host.begun.length >= 1);
      await bench.clock.advance(1_000);
    }
    expect(bench.host.begun.length).toBe(1);
    for (let life = 0; life < 2; life++) {
      bench = await open(tasks, { clock: bench.clock });
      await bench.clock.advance(1_000);
    }
    await eventually(async () => {
      const run = await bench.read(id);
      return [...run.tasks.values()].some(({ failure }) => failure?.code === "TASK_KILLS_DAEMON");
    });
  });

  it("ends every run over a store that answers late, out of order, and refuses at random", async () => {
    for (const seed of [1, 2, 3, 4]) {
      const bench = await engineBench(
        tempFolder(),
        { a: () => 1, b: ({ upstream }) => upstream["a"], c: ({ upstream }) => upstream["b"] },
        { wrapStore: (store) => createUnrulyStore(store, seed), host: { concurrency: 8, prefetch: 2 } },
      );
      const ids: string[] = [];
      while (ids.length < 40) {
        // A refused start left nothing behind: whoever asked asks again.
        const id = await bench.begin(chain).catch(() => undefined);
        if (id !== undefined) ids.push(id);
      }
      const runs = await Promise.all(ids.map((id) => bench.end(id)));
      expect(runs.map(({ head }) => head.state)).toEqual(ids.map(() => "succeeded"));
      expect(bench.host.begun.length).toBe(3 * ids.length);
      await eventually(() => bench.ended.length === ids.length);
      const numbers = await Promise.all(ids.map(async (id) => (await bench.store.proof(id))!.proof.runNumber));
      expect(numbers.sort((a, b) => a - b)).toEqual(ids.map((_, index) => index + 1));
    }
  });

  it("leaves another engine in the same process alone when it stops", async () => {
    const bench = await open({ a: () => 1 });
    const neighbour = await engineBench(tempFolder(), { a: () => 2 });
    await bench.engine.stop();
    const run = await neighbour.end(await neighbour.begin(single));
    expect(run.tasks.get("a")!.output).toEqual({ kind: "inline", json: "2" });
  });
});
