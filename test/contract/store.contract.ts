import { expect, it } from "vitest";
import { auditLimits, REFUSAL } from "../../src/domain/audit.ts";
import { advance, apply } from "../../src/domain/advance.ts";
import type { AnchorRecord } from "../../src/domain/anchor.ts";
import type { Change, NewRun, Verdict } from "../../src/domain/change.ts";
import { newRun, withStart } from "../../src/domain/new-run.ts";
import { type Proof, proofFileName, startFileName } from "../../src/domain/proof.ts";
import type { PackageFileRecord, PackageRecord } from "../../src/domain/registry.ts";
import type { Run } from "../../src/domain/run.ts";
import type { RunEvent } from "../../src/domain/run-change.ts";
import type { Firing, Schedule } from "../../src/domain/schedule.ts";
import type { NewStatement } from "../../src/domain/sealed-statement.ts";
import { createIds } from "../../src/kernel/ids.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import type { Store } from "../../src/ports/store.ts";
import { snapshot, task } from "../support/definitions.ts";
import { tinyPackage } from "../support/tiny-package.ts";

const frozen = snapshot([task("a"), task("b", { after: ["a"] })]);

const schedule: Schedule = {
  id: "pack/flow/nightly",
  workflow: "pack/flow",
  name: "nightly",
  cron: "0 2 * * *",
  timezone: "UTC",
  params: { n: 1 },
  catchUp: { kind: "latest", max: 10 },
  overlap: "skip",
  state: "active",
  present: true,
  nextAt: 1_000,
};

/**
 * What every store promises. `open` gives an empty one. A store may refuse a change as `stale` for reasons of its own
 * (a lost race, a moved leader); whoever writes asks again, and so does this suite.
 */
export function describeStore(open: () => Promise<Store>): void {
  let counter = 0;
  const ids = createIds(
    () => 1_700_000_000_000 + counter++,
    (size) => new Uint8Array(size).fill(counter),
  );

  /** Writes one change until it is not refused for a passing reason. */
  async function write(store: Store, change: Change): Promise<Verdict> {
    let verdict: Verdict = { ok: false, refusal: "stale", message: "not asked yet" };
    for (let asked = 0; asked < 30 && !verdict.ok && verdict.refusal === "stale"; asked++) {
      verdict = (await store.commit([change]))[0]!;
    }
    return verdict;
  }

  async function serve(store: Store, schedules: readonly Schedule[] = [], workflows = true): Promise<void> {
    const { package: identity, env, definition, code, digest } = frozen;
    const record = {
      id: "pack/flow",
      snapshot: digest,
      content: { package: identity, env, definition, code },
      present: true,
      pausedAt: null,
    };
    const served = {
      name: "pack",
      active: workflows ? identity : null,
      workflows: workflows ? [record] : [],
      schedules,
    };
    const change = { at: 1, files: [], gone: [], packages: [], statements: [], served: [served] };
    expect(await write(store, { type: "registry", change, audit: [] })).toEqual({ ok: true });
  }

  function aRun(change: { key?: string } = {}): NewRun {
    return newRun({
      id: ids.next(),
      snapshot: frozen,
      params: '{"n":1}',
      trigger: { kind: "manual" },
      key: change.key ?? null,
      plannedAt: 5,
      createdAt: 6,
    });
  }

  /** The same run with a signed statement that it was started. */
  function startOf(created: NewRun): NewRun & { start: NewStatement } {
    const statement = `{"started":"${created.run.id}"}`;
    const start = { statement, digest: sha256(statement), signature: "c3RhcnQ", keyId: "k" };
    return { ...withStart(created, start), start };
  }

  async function create(store: Store, change: { key?: string } = {}): Promise<Run> {
    const fresh = aRun(change);
    expect(await write(store, { type: "create_runs", runs: [fresh] })).toEqual({ ok: true });
    return fresh.run;
  }

  /** Moves a run on in the store and in memory. */
  async function move(store: Store, run: Run, events: readonly RunEvent[], proof: Proof | null = null): Promise<void> {
    const change = advance(run, events, 10 + counter++);
    expect(change).toBeDefined();
    expect(await write(store, { type: "change_run", change: change!, proof })).toEqual({ ok: true });
    apply(run, change!);
  }

  const proofOf = (run: Run, runNumber: number, previousProof: string | null): Proof => {
    const statement = `{"n":${runNumber}}`;
    return {
      runId: run.id,
      workflow: run.workflow,
      runNumber,
      previousProof,
      statement,
      digest: sha256(statement),
      signature: "c2ln",
      keyId: "k",
      endedAt: 20,
    };
  };
  /** An unruly store refuses for reasons of its own, too. */
  const eitherOf = (refusal: string): unknown => expect.stringMatching(new RegExp(`^(stale|${refusal})$`));
  const claim = (name: string): RunEvent => ({ type: "claim", task: name, attemptId: ids.next(), alone: false });
  const succeed = (name: string, fence = 1): RunEvent => ({
    type: "settle",
    task: name,
    fence,
    outcome: "succeeded",
    output: { kind: "inline", json: '{"x":1}' },
    failure: null,
    exitCode: null,
    recording: null,
    jitter: 0,
  });
  async function finish(store: Store, run: Run, runNumber: number, previous: string | null): Promise<Proof> {
    await move(store, run, [{ type: "admit" }, claim("a"), succeed("a"), claim("b")]);
    const proof = proofOf(run, runNumber, previous);
    await move(store, run, [succeed("b")], proof);
    return proof;
  }

  it("gives a run back exactly as it was created", async () => {
    const store = await open();
    await serve(store);
    const run = await create(store);
    expect(await store.loadRun(run.id)).toEqual(run);
    expect(await store.history(run.id)).toEqual([
      { at: 6, name: "run.created", task: null, attempt: null, detail: "manual" },
    ]);
    expect(await store.loadRun(ids.next())).toBeUndefined();
  });

  it("gives a run back exactly as its changes made it, at every step", async () => {
    const store = await open();
    await serve(store);
    const run = await create(store);
    const failure = { code: "TASK_FAILED", message: "no", hint: "look", stack: "at x" };
    const steps: RunEvent[][] = [
      [{ type: "admit" }],
      [claim("a")],
      [{ type: "give_back", task: "a", fence: 1 }],
      [claim("a")],
      [{ type: "interrupt", task: "a", fence: 2, unclean: true }],
      [claim("a"), succeed("a", 3)],
      [claim("b")],
      [{ type: "cancel", reason: "user" }],
    ];
    for (const events of steps) {
      await move(store, run, events);
      expect(await store.loadRun(run.id)).toEqual(run);
    }
    await move(
      store,
      run,
      [
        {
          type: "settle",
          task: "b",
          fence: 1,
          outcome: "cancelled",
          output: null,
          failure,
          exitCode: 143,
          recording: null,
          jitter: 0,
        },
      ],
      proofOf(run, 1, null),
    );
    expect(run.head.state).toBe("cancelled");
    expect(await store.loadRun(run.id)).toEqual(run);
  });

  it("keeps a large output as the digest and size of its artifact", async () => {
    const store = await open();
    await serve(store);
    const run = await create(store);
    const output = { kind: "artifact" as const, digest: "a".repeat(64), size: 100_000 };
    const success = { ...succeed("a"), output } as RunEvent;
    await move(store, run, [{ type: "admit" }, claim("a"), success]);
    expect((await store.loadRun(run.id))!.tasks.get("a")!.output).toEqual(output);
  });

  it("keeps what an attempt's recording is called, and the artifact as long as the run", async () => {
    const store = await open();
    await serve(store);
    const run = await create(store);
    const recording = "b".repeat(64);
    await move(store, run, [{ type: "admit" }, claim("a"), { ...succeed("a"), recording } as RunEvent]);
    expect(await store.loadRun(run.id)).toEqual(run);
    expect(run.tasks.get("a")!.attempts[0]!.recording).toBe(recording);
    expect(await store.artifactsInUse()).toEqual([recording]);
    await move(store, run, [claim("b"), succeed("b")], proofOf(run, 1, null));
    await write(store, { type: "delete_runs", runs: [run.id] });
    expect(await store.artifactsInUse()).toEqual([]);
  });

  it("refuses a change made for another version and leaves nothing of it behind", async () => {
    const store = await open();
    await serve(store);
    const run = await create(store);
    await move(store, run, [{ type: "admit" }]);
    const change = advance(run, [claim("a")], 50)!;
    for (const fromVersion of [run.version - 1, run.version + 1]) {
      const verdicts = await store.commit([{ type: "change_run", change: { ...change, fromVersion }, proof: null }]);
      expect(verdicts[0]).toMatchObject({ ok: false, refusal: "stale" });
    }
    expect(await store.loadRun(run.id)).toEqual(run);
  });

  it("refuses one change of a batch without harming its neighbours", async () => {
    const store = await open();
    await serve(store);
    const first = await create(store, { key: "taken" });
    const [second, third] = [aRun({ key: "taken" }), aRun()];
    let verdicts: readonly Verdict[] = [];
    for (let asked = 0; asked < 30 && !verdicts[1]?.ok; asked++) {
      verdicts = await store.commit([
        { type: "create_runs", runs: [second] },
        { type: "create_runs", runs: [third] },
      ]);
      expect(verdicts[0]!.ok).toBe(false);
    }
    expect(verdicts[1]).toEqual({ ok: true });
    expect(await store.loadRun(second.run.id)).toBeUndefined();
    expect(await store.loadRun(third.run.id)).toEqual(third.run);
    expect(await store.runIdByKey("pack/flow", "taken")).toBe(first.id);
  });

  it("creates the runs of one change all or none", async () => {
    const store = await open();
    await serve(store);
    await create(store, { key: "taken" });
    const [good, bad] = [aRun(), aRun({ key: "taken" })];
    expect((await write(store, { type: "create_runs", runs: [good, bad] })).ok).toBe(false);
    expect(await store.loadRun(good.run.id)).toBeUndefined();
  });

  it("lets a later change of a batch see the earlier ones", async () => {
    const store = await open();
    await serve(store);
    const fresh = aRun();
    const change = advance(fresh.run, [{ type: "admit" }], 30)!;
    let verdicts: readonly Verdict[] = [];
    for (let asked = 0; (asked < 50 && !verdicts.every((verdict) => verdict.ok)) || asked === 0; asked++) {
      verdicts = await store.commit([
        { type: "create_runs", runs: [fresh] },
        { type: "change_run", change, proof: null },
      ]);
    }
    expect((await store.loadRun(fresh.run.id))!.head.state).toBe("running");
  });

  it("lists unfinished runs oldest first, and finds runs by key and by the ending of their id", async () => {
    const store = await open();
    await serve(store);
    const runs = [await create(store), await create(store, { key: "k" }), await create(store)];
    await finish(store, runs[0]!, 1, null);
    expect(await store.unfinishedRuns()).toEqual([runs[1], runs[2]]);
    expect(await store.countUnfinished()).toEqual({ queued: 2, running: 0, waiting: 0 });
    expect(await store.runIdByKey("pack/flow", "k")).toBe(runs[1]!.id);
    expect(await store.runIdByKey("pack/other", "k")).toBeUndefined();
    expect(await store.runIdsByEnding(runs[2]!.id.slice(-20), 5)).toEqual([runs[2]!.id]);
    expect(await store.runIdsByEnding("%", 5)).toEqual([]);
  });

  it("pages through runs newest first while new ones arrive", async () => {
    const store = await open();
    await serve(store);
    const runs: Run[] = [];
    for (let count = 0; count < 5; count++) runs.push(await create(store));
    const first = await store.listRuns({}, { limit: 2, cursor: null });
    expect(first.items.map(({ id }) => id)).toEqual([runs[4]!.id, runs[3]!.id]);
    await create(store);
    const second = await store.listRuns({}, { limit: 2, cursor: first.nextCursor });
    expect(second.items.map(({ id }) => id)).toEqual([runs[2]!.id, runs[1]!.id]);
    const last = await store.listRuns({}, { limit: 2, cursor: second.nextCursor });
    expect(last).toMatchObject({ items: [{ id: runs[0]!.id }], nextCursor: null });
    await finish(store, runs[1]!, 1, null);
    expect(
      (await store.listRuns({ state: ["succeeded"] }, { limit: 9, cursor: null })).items.map(({ id }) => id),
    ).toEqual([runs[1]!.id]);
    expect((await store.listRuns({ workflow: "pack/none" }, { limit: 9, cursor: null })).items).toEqual([]);
  });

  it("lets proofs of a workflow follow one another without gaps", async () => {
    const store = await open();
    await serve(store);
    const [one, two] = [await create(store), await create(store)];
    const first = await finish(store, one, 1, null);
    expect(await store.proofHead("pack/flow")).toEqual({ runNumber: 1, digest: first.digest });
    await move(store, two, [{ type: "admit" }, claim("a"), succeed("a"), claim("b")]);
    const ending = advance(two, [succeed("b")], 90)!;
    for (const wrong of [proofOf(two, 3, first.digest), proofOf(two, 2, null), proofOf(two, 1, null)]) {
      const verdicts = await store.commit([{ type: "change_run", change: ending, proof: wrong }]);
      expect(verdicts[0]).toMatchObject({ ok: false, refusal: "stale" });
    }
    expect(await store.loadRun(two.id)).toEqual(two);
    const second = proofOf(two, 2, first.digest);
    await move(store, two, [succeed("b")], second);
    expect(await store.proof(two.id)).toEqual({ proof: second, state: "due", statementId: 2 });
    expect(await store.proofByNumber("pack/flow", 1)).toEqual({ proof: first, state: "due", statementId: 1 });
    await write(store, { type: "files_written", through: 1, failed: [], mended: [] });
    expect((await store.proof(one.id))!.state).toBe("written");
    expect((await store.proof(two.id))!.state).toBe("due");
    expect(await store.proofsFrom("pack/flow", 1, 10)).toEqual([first, second]);
    expect(await store.proofsFrom("pack/flow", 1, 1)).toEqual([first]);
    expect(await store.proofsFrom("pack/flow", 2, 10)).toEqual([second]);
    expect(await store.proofsFrom("pack/other", 1, 10)).toEqual([]);
  });

  it("lists proofs, the newest run first, page by page, of all workflows or of one", async () => {
    const store = await open();
    await serve(store);
    const runs = [await create(store), await create(store), await create(store)];
    let previous: string | null = null;
    for (const [index, run] of runs.entries()) previous = (await finish(store, run, index + 1, previous)).digest;
    for (const filter of [{}, { workflow: "pack/flow" }]) {
      const first = await store.listProofs(filter, { limit: 2, cursor: null });
      expect(first.items.map(({ runId }) => runId)).toEqual([runs[2]!.id, runs[1]!.id]);
      expect(first.items[0]).toMatchObject({ runNumber: 3, state: "due", statementId: 3, digest: previous });
      const last = await store.listProofs(filter, { limit: 2, cursor: first.nextCursor });
      expect(last.items.map(({ runId }) => runId)).toEqual([runs[0]!.id]);
      expect(last.nextCursor).toBeNull();
    }
    expect((await store.listProofs({ workflow: "pack/none" }, { limit: 2, cursor: null })).items).toEqual([]);
  });

  it("keeps statements in the order of their transactions, without gaps, whatever was refused between them", async () => {
    const store = await open();
    await serve(store);
    const [one, two] = [await create(store), await create(store)];
    const first = await finish(store, one, 1, null);
    await move(store, two, [{ type: "admit" }, claim("a"), succeed("a"), claim("b")]);
    const ending = advance(two, [succeed("b")], 90)!;
    await store.commit([{ type: "change_run", change: ending, proof: proofOf(two, 7, null) }]);
    const second = proofOf(two, 2, first.digest);
    await move(store, two, [succeed("b")], second);
    const stored = (proof: Proof, id: number) => {
      const { statement, signature, keyId } = proof;
      return { id, file: proofFileName(proof), statement, signature, keyId };
    };
    expect(await store.statementsAfter(0, 10)).toEqual([stored(first, 1), stored(second, 2)]);
    expect(await store.statementsAfter(1, 10)).toEqual([stored(second, 2)]);
    expect(await store.statements([2, 9])).toEqual([stored(second, 2)]);
    expect(await store.statementFiles(3, 1)).toEqual([{ id: 2, file: proofFileName(second) }]);
    expect(await store.lastStatementId()).toBe(2);
  });

  it("takes statements that are about no end of a run into the same order", async () => {
    const store = await open();
    await serve(store);
    const first = await finish(store, await create(store), 1, null);
    const statement = { file: "attestations/x.sigstore.json", statement: "{}", signature: "c2ln", keyId: "k" };
    expect(await write(store, { type: "add_statement", statement })).toEqual({ ok: true });
    const [{ statement: before }, after] = (await store.statementsAfter(0, 10)) as [{ statement: string }, unknown];
    expect([before, after]).toEqual([first.statement, { ...statement, id: 2 }]);
  });

  it("takes statements that are not signed yet, and their signatures later, each once", async () => {
    const store = await open();
    await serve(store);
    const [one, two] = [await create(store), await create(store)];
    expect(await store.firstUnsignedId()).toBe(0);
    const first = await finish(store, one, 1, null);
    const second = { ...proofOf(two, 2, first.digest), signature: null };
    await move(store, two, [{ type: "admit" }, claim("a"), succeed("a"), claim("b")]);
    await move(store, two, [succeed("b")], second);
    const statement = { file: "attestations/x.sigstore.json", statement: "{}", signature: null, keyId: "k" };
    await write(store, { type: "add_statement", statement });
    const change = { at: 1, files: [], gone: [], packages: [], served: [] };
    const admitted = { statement: "admitted", digest: sha256("admitted"), signature: null, keyId: "k" };
    await write(store, { type: "registry", change: { ...change, statements: [admitted] }, audit: [] });
    const signatures = async () => (await store.statementsAfter(0, 10)).map(({ signature }) => signature);
    expect(await signatures()).toEqual(["c2ln", null, null, null]);
    expect(await store.proof(two.id)).toEqual({ proof: second, state: "due", statementId: 2 });
    expect(await store.proofByNumber("pack/flow", 2)).toMatchObject({ proof: { signature: null } });
    expect(await store.firstUnsignedId()).toBe(2);

    const sign = (...ids: readonly number[]) =>
      write(store, { type: "sign_statements", signatures: ids.map((id) => ({ id, signature: `for ${id}` })) });
    expect(await sign(3)).toEqual({ ok: true });
    expect(await sign(2, 3)).toMatchObject({ ok: false, refusal: eitherOf("exists") });
    expect(await sign(2, 9)).toMatchObject({ ok: false, refusal: eitherOf("missing") });
    expect(await sign(1)).toMatchObject({ ok: false, refusal: eitherOf("exists") });
    expect(await signatures()).toEqual(["c2ln", null, "for 3", null]);
    expect(await sign(2, 4)).toEqual({ ok: true });
    expect(await store.proof(two.id)).toMatchObject({ proof: { signature: "for 2" } });
    expect(await store.firstUnsignedId()).toBe(0);
  });

  it("gives what is not signed yet to another key, after the note that says so and the opening of the log", async () => {
    const store = await open();
    await serve(store);
    const run = await create(store);
    const log = { origin: "one.test", vkey: "v1", firstStatement: 1, minimumIndex: 0, openedAt: 5 };
    const sealed = (statement: string, signature: string | null) => ({
      ...{ statement, signature, keyId: "k" },
      file: `attestations/${statement}`,
    });
    const note = (statement: string) => ({ ...sealed(statement, null), keyId: "next" });
    const order = async () => {
      const statements = await store.statementsAfter(0, 10);
      return statements.map(({ id, statement, keyId }) => `${id} ${statement} ${keyId}`);
    };
    await write(store, { type: "open_tlog", log, opening: sealed("opening", null) });
    await write(store, { type: "change_key", keyId: "next", note: note("first note") });
    expect(await order()).toEqual(["1 opening next", "2 first note next"]);
    const signed = [1, 2].map((id) => ({ id, signature: "c2ln" }));
    await write(store, { type: "sign_statements", signatures: signed });
    await write(store, { type: "add_statement", statement: sealed("signed", "c2ln") });
    await move(store, run, [{ type: "admit" }, claim("a"), succeed("a"), claim("b")]);
    await move(store, run, [succeed("b")], { ...proofOf(run, 1, null), signature: null });
    await write(store, { type: "change_key", keyId: "next", note: note("second note") });
    expect(await order()).toEqual([
      "1 opening next",
      "2 first note next",
      "3 signed k",
      "4 second note next",
      '5 {"n":1} next',
    ]);
    expect((await store.proof(run.id))!.statementId).toBe(5);
    await write(store, { type: "change_key", keyId: "k", note: null });
    expect((await order()).slice(2)).toEqual(["3 signed k", "4 second note k", '5 {"n":1} k']);
    const rest = [4, 5].map((id) => ({ id, signature: "c2ln" }));
    await write(store, { type: "sign_statements", signatures: rest });
    await write(store, { type: "change_key", keyId: "last", note: note("last note") });
    expect((await order()).at(-1)).toBe("6 last note next");
  });

  it("takes the statement that a run was started in the change that creates it, before that of its end", async () => {
    const store = await open();
    await serve(store);
    const started = startOf(aRun());
    const { run, start } = started;
    expect(await write(store, { type: "create_runs", runs: [started, aRun()] })).toEqual({ ok: true });
    expect(await store.loadRun(run.id)).toEqual(run);
    expect((await store.unfinishedRuns())[0]).toEqual(run);
    const { statement, signature, keyId } = start;
    const stored = { id: 1, file: startFileName(run), statement, signature, keyId };
    expect(await store.statementsAfter(0, 10)).toEqual([stored]);
    await finish(store, run, 1, null);
    expect((await store.proof(run.id))!.statementId).toBe(2);
    expect(await store.loadRun(run.id)).toMatchObject({ startDigest: start.digest });
    await write(store, { type: "delete_runs", runs: [run.id] });
    expect((await store.statementsAfter(0, 10))[0]).toEqual(stored);
  });

  it("takes no statement of runs that were refused", async () => {
    const store = await open();
    await serve(store);
    await create(store, { key: "taken" });
    const refused = [startOf(aRun()), startOf(aRun({ key: "taken" }))];
    expect((await write(store, { type: "create_runs", runs: refused })).ok).toBe(false);
    expect(await store.lastStatementId()).toBe(0);
    const after = startOf(aRun());
    expect(await write(store, { type: "create_runs", runs: [after] })).toEqual({ ok: true });
    expect((await store.statementsAfter(0, 10)).map(({ id, file }) => [id, file])).toEqual([
      [1, startFileName(after.run)],
    ]);
  });

  it("knows a run while it is unfinished, and for ever once it has ended", async () => {
    const store = await open();
    await serve(store);
    const [unfinished, ended] = [await create(store), await create(store)];
    await finish(store, ended, 1, null);
    await write(store, { type: "delete_runs", runs: [ended.id] });
    const never = ids.next();
    expect(await store.unknownRuns([unfinished.id, never, ended.id])).toEqual([never]);
    expect(await store.unknownRuns([])).toEqual([]);
  });

  it("opens a log before the statements that no signed head holds, and moves them up", async () => {
    const store = await open();
    await serve(store);
    const [one, two] = [await create(store), await create(store)];
    const first = await finish(store, one, 1, null);
    const log = { origin: "one.test", vkey: "v1", firstStatement: 1, minimumIndex: 0, openedAt: 5 };
    const opening = { statement: "{}", signature: "c2ln", keyId: "k", file: "attestations/a" };
    await write(store, { type: "files_written", through: 1, failed: [], mended: [] });
    await write(store, { type: "open_tlog", log, opening });
    expect(await store.tlog()).toEqual(log);
    expect((await store.statementsAfter(0, 10)).map(({ statement }) => statement)).toEqual(["{}", first.statement]);
    expect(await store.proof(one.id)).toEqual({ proof: first, state: "due", statementId: 2 });
    expect((await store.writtenFiles()).through).toBe(0);

    await write(store, { type: "tlog_signed", origin: "one.test", head: { size: 2, checkpoint: "two" } });
    await write(store, { type: "files_written", through: 2, failed: [2], mended: [] });
    await write(store, { type: "files_synced", through: 1 });
    await write(store, { type: "files_synced", through: 0 });
    await finish(store, two, 2, first.digest);
    const next = { origin: "two.test", vkey: "v2", firstStatement: 3, minimumIndex: 0, openedAt: 6 };
    const cases: [Partial<typeof next>, string][] = [
      [{ origin: "one.test" }, "exists"],
      [{ firstStatement: 2 }, "stale"],
      [{ firstStatement: 5 }, "stale"],
    ];
    for (const [change, refusal] of cases) {
      const verdicts = await store.commit([{ type: "open_tlog", log: { ...next, ...change }, opening }]);
      expect(verdicts).toMatchObject([{ ok: false, refusal: eitherOf(refusal) }]);
    }
    await write(store, { type: "open_tlog", log: next, opening });
    expect(await store.tlogs()).toEqual([log, next]);
    expect(await store.lastStatementId()).toBe(4);
    expect((await store.proof(two.id))!.statementId).toBe(4);
    expect((await store.proof(one.id))!.statementId).toBe(2);
    expect(await store.writtenFiles()).toEqual({ through: 2, synced: 1, except: [2] });
  });

  it("remembers every signed head, and finds the first one that covers a leaf", async () => {
    const store = await open();
    const log = { origin: "one.test", vkey: "v1", firstStatement: 1, minimumIndex: 0, openedAt: 5 };
    const opening = { statement: "{}", signature: "c2ln", keyId: "k", file: "attestations/a" };
    await write(store, { type: "open_tlog", log, opening });
    expect(await store.lastHead("one.test")).toBeUndefined();
    for (const size of [1, 4, 9, 4]) {
      await write(store, { type: "tlog_signed", origin: "one.test", head: { size, checkpoint: `head ${size}` } });
    }
    expect(await store.lastHead("one.test")).toEqual({ size: 9, checkpoint: "head 9" });
    expect(await store.headOver("one.test", 4)).toEqual({ size: 4, checkpoint: "head 4" });
    expect(await store.headOver("one.test", 5)).toEqual({ size: 9, checkpoint: "head 9" });
    expect(await store.headOver("one.test", 10)).toBeUndefined();
    expect(await store.lastHead("two.test")).toBeUndefined();
    const unknown = await store.commit([
      { type: "tlog_signed", origin: "two.test", head: { size: 1, checkpoint: "" } },
    ]);
    expect(unknown).toMatchObject([{ ok: false, refusal: eitherOf("missing") }]);
  });

  it("remembers how far each anchor of a log is, and which proofs its heads cover", async () => {
    const store = await open();
    await serve(store);
    const proof = await finish(store, await create(store), 1, null);
    const log = { origin: "one.test", vkey: "v1", firstStatement: 1, minimumIndex: 0, openedAt: 5 };
    const opening = { statement: "{}", signature: "c2ln", keyId: "k", file: "attestations/a" };
    const begun: AnchorRecord = {
      origin: "one.test",
      name: "chain",
      kind: "evm",
      size: 1,
      state: "pending",
      attempts: 0,
      at: 6,
      nextAt: 7,
      progress: { sent: ["0x1"] },
      receipt: null,
      error: null,
    };
    const record = (change: Partial<AnchorRecord>) =>
      write(store, { type: "record_anchor", record: { ...begun, ...change } });
    expect(await store.commit([{ type: "record_anchor", record: begun }])).toMatchObject([
      { ok: false, refusal: eitherOf("missing") },
    ]);
    await write(store, { type: "open_tlog", log, opening });
    await write(store, { type: "files_written", through: 2, failed: [], mended: [] });
    await record({});
    expect(await store.anchors("one.test")).toEqual([begun]);
    const done = { state: "anchored", nextAt: null, progress: null } as const;
    await record({ ...done, receipt: "one.test/1/chain.json" });
    expect((await store.proof(proof.runId))!.state).toBe("written");
    await record({ ...done, size: 2 });
    await record({ ...done, size: 4 });
    await record({ ...done, size: 3, name: "time", kind: "tsa" });
    await record({ state: "failed", size: 5, error: "no answer" });
    await record({ state: "failed", size: 6, attempts: 2, error: "no answer" });
    const brief = (records: readonly AnchorRecord[]) => records.map(({ name, size, state }) => [name, size, state]);
    expect(brief(await store.anchors("one.test"))).toEqual([
      ["chain", 4, "anchored"],
      ["chain", 6, "failed"],
      ["time", 3, "anchored"],
    ]);
    expect(brief(await store.anchorsOver("one.test", 2))).toEqual([
      ["chain", 2, "anchored"],
      ["time", 3, "anchored"],
    ]);
    expect(await store.anchorsOver("one.test", 5)).toEqual([]);
    expect(await store.anchors("two.test")).toEqual([]);
    expect((await store.proof(proof.runId))!.state).toBe("anchored");
    const page = await store.listProofs({}, { limit: 1, cursor: null });
    expect(page.items[0]!.state).toBe("anchored");
  });

  it("lets statements go that are pruned, and keeps their place in the chain of their workflow", async () => {
    const store = await open();
    await serve(store);
    const [one, two] = [await create(store), await create(store)];
    const first = await finish(store, one, 1, null);
    await finish(store, two, 2, first.digest);
    const log = { origin: "one.test", vkey: "v1", firstStatement: 1, minimumIndex: 0, openedAt: 5 };
    const opening = { statement: "{}", signature: "c2ln", keyId: "k", file: "attestations/a" };
    await write(store, { type: "open_tlog", log, opening });
    await write(store, { type: "delete_statements", before: 9 });
    expect(await store.firstStatementId()).toBe(1);
    expect(await store.prunedEnd("pack/flow")).toEqual({ runNumber: 0, digest: null });
    await write(store, { type: "tlog_pruned", origin: "one.test", minimumIndex: 2 });
    expect((await store.tlog())!.minimumIndex).toBe(2);
    await write(store, { type: "delete_statements", before: 2 });
    expect(await store.firstStatementId()).toBe(2);
    await write(store, { type: "delete_statements", before: 9 });
    expect(await store.firstStatementId()).toBe(3);
    expect(await store.proof(one.id)).toBeUndefined();
    expect([await store.isPruned(one.id), await store.isPruned(two.id), await store.isPruned("none")]).toEqual([
      true,
      false,
      false,
    ]);
    expect(await store.prunedEnd("pack/flow")).toEqual({ runNumber: 1, digest: first.digest });
    expect(await store.proofHead("pack/flow")).toMatchObject({ runNumber: 2 });
    await write(store, { type: "files_written", through: 3, failed: [], mended: [] });
    const { items } = await store.listProofs({}, { limit: 9, cursor: null });
    expect(items.map(({ state }) => state)).toEqual(["written", "pruned"]);
    const unknown = await store.commit([{ type: "tlog_pruned", origin: "two.test", minimumIndex: 2 }]);
    expect(unknown).toMatchObject([{ ok: false, refusal: eitherOf("missing") }]);
  });

  it("deletes only ended runs, and keeps their proofs", async () => {
    const store = await open();
    await serve(store);
    const [ended, open_] = [await create(store), await create(store)];
    await finish(store, ended, 1, null);
    expect(await store.expiredRuns(1_000_000, 100, 10)).toEqual([]);
    await write(store, { type: "files_written", through: 1, failed: [1], mended: [] });
    expect(await store.expiredRuns(1_000_000, 100, 10)).toEqual([]);
    await write(store, { type: "files_written", through: 1, failed: [], mended: [1] });
    expect((await store.expiredRuns(1_000_000, 100, 10)).map(({ id }) => id)).toEqual([ended.id]);
    expect(await store.expiredRuns(1, 100, 10)).toEqual([]);
    expect((await store.expiredRuns(1, 0, 10)).map(({ id }) => id)).toEqual([ended.id]);
    await write(store, { type: "delete_runs", runs: [ended.id, open_.id] });
    expect(await store.loadRun(ended.id)).toBeUndefined();
    expect(await store.history(ended.id)).toEqual([]);
    expect(await store.loadRun(open_.id)).toEqual(open_);
    expect((await store.proof(ended.id))!.state).toBe("written");
  });

  it("decides each planned instant once and moves the schedule in the same step", async () => {
    const store = await open();
    await serve(store, [schedule]);
    const fresh = startOf(aRun());
    const firing: Firing = {
      schedule: schedule.id,
      plannedAt: 1_000,
      decidedAt: 1_001,
      decision: "started",
      runId: fresh.run.id,
      late: false,
      reason: null,
      count: 1,
    };
    const fire: Change = {
      type: "fire",
      schedule: schedule.id,
      expectedNextAt: 1_000,
      nextAt: 2_000,
      firings: [firing],
      runs: [fresh],
    };
    expect(await write(store, fire)).toEqual({ ok: true });
    expect((await store.commit([fire]))[0]).toMatchObject({ ok: false, refusal: "stale" });
    const again = startOf(aRun());
    const repeated: Change = {
      ...fire,
      expectedNextAt: 2_000,
      nextAt: 3_000,
      firings: [{ ...firing, runId: again.run.id }],
      runs: [again],
    };
    expect(await write(store, repeated)).toMatchObject({ ok: false, refusal: "exists" });
    expect(await store.firings(schedule.id, 10)).toEqual([firing]);
    const at = firing.plannedAt;
    expect(await store.firingsBetween(schedule.id, at - 1, at)).toEqual([firing]);
    expect(await store.firingsBetween(schedule.id, at, at + 1)).toEqual([]);
    expect((await store.schedules())[0]!.nextAt).toBe(2_000);
    expect(await store.loadRun(again.run.id)).toBeUndefined();
    expect(await store.loadRun(fresh.run.id)).toEqual(fresh.run);
    expect((await store.statementsAfter(0, 10)).map(({ statement }) => statement)).toEqual([fresh.start.statement]);
  });

  it("keeps pause and next instant over a new drop, and counts a changed rule from its load", async () => {
    const store = await open();
    await serve(store, [schedule]);
    const audit = { at: 9, name: "schedule.paused", subject: schedule.id, data: {} };
    await write(store, { type: "set_schedule_state", schedule: schedule.id, state: "paused", nextAt: null, audit });
    await write(store, { type: "pause_workflow", workflow: "pack/flow", pausedAt: 9, audit });
    await serve(store, [], false);
    expect((await store.schedules())[0]).toMatchObject({ present: false, state: "paused", nextAt: null });
    expect((await store.workflows())[0]).toMatchObject({ present: false, pausedAt: 9 });
    await serve(store, [{ ...schedule, nextAt: 7_000 }]);
    expect((await store.schedules())[0]).toMatchObject({ present: true, state: "paused", nextAt: null });
    await write(store, { type: "set_schedule_state", schedule: schedule.id, state: "active", nextAt: 8_000, audit });
    await serve(store, [{ ...schedule, nextAt: 9_000 }]);
    expect((await store.schedules())[0]!.nextAt).toBe(8_000);
    await serve(store, [{ ...schedule, cron: "0 3 * * *", nextAt: 9_500 }]);
    expect((await store.schedules())[0]).toMatchObject({ cron: "0 3 * * *", nextAt: 9_500 });
    expect((await store.audit(10)).map(({ name }) => name)).toContain("schedule.paused");
  });

  it("knows which trust policy holds, and keeps the statement of each change", async () => {
    const store = await open();
    const [one, other] = ["1".repeat(64), "2".repeat(64)];
    const uri = "file:///etc/cascade/trust.toml";
    const change = (from: string | null, to: string | null, at: number) => {
      const text = `{"policy":"${to}"}`;
      const statement = { statement: text, digest: sha256(text), signature: "c2ln", keyId: "a".repeat(64) };
      return write(store, { type: "change_policy", noted: { from, to, uri: to && uri, at, statement } });
    };
    expect(await store.policyInForce()).toBeNull();
    expect(await change(null, one, 1)).toEqual({ ok: true });
    expect(await change(null, other, 2)).toMatchObject({ refusal: "stale" });
    expect(await store.policyInForce()).toEqual({ digest: one, uri });
    expect(await change(one, null, 3)).toEqual({ ok: true });
    expect(await store.policyInForce()).toBeNull();
    expect((await store.statementsAfter(0, 9)).map(({ statement }) => statement)).toEqual([
      `{"policy":"${one}"}`,
      '{"policy":"null"}',
    ]);
  });

  it("refuses to pause what it does not know", async () => {
    const store = await open();
    const audit = { at: 1, name: "workflow.paused", subject: "x/y", data: null };
    expect(await write(store, { type: "pause_workflow", workflow: "x/y", pausedAt: 1, audit })).toMatchObject({
      refusal: "missing",
    });
    expect(await store.audit(10)).toEqual([]);
  });

  it("remembers files by folder and name", async () => {
    const store = await open();
    const file: PackageFileRecord = {
      location: { folder: "/w", name: "a.cascade" },
      state: "rejected",
      stat: { device: 1, inode: 2, size: 3, modifiedNs: "4", changedNs: "5" },
      archiveDigest: null,
      package: null,
      keeps: null,
      error: { code: "PACKAGE_TRUNCATED", message: "short", hint: "again" },
      seenAt: 1,
      changedAt: 2,
    };
    const change = { at: 1, files: [file], gone: [], packages: [], statements: [], served: [] };
    await write(store, { type: "registry", change, audit: [] });
    expect(await store.packageFile(file.location)).toEqual(file);
    await write(store, { type: "registry", change: { ...change, files: [], gone: [file.location] }, audit: [] });
    expect(await store.packageFiles()).toEqual([]);
  });

  it("remembers what admitted a package, loaded or not, and keeps the statement", async () => {
    const store = await open();
    const { identity, content } = tinyPackage();
    const digest = sha256("admitted");
    const record: PackageRecord = {
      identity,
      manifest: content.manifest,
      state: "loaded",
      loadedAt: 1,
      unloadedAt: null,
      admission: digest,
      policy: sha256("policy"),
      signers: [sha256("key")],
      countedSince: { [sha256("a key")]: 1 },
      signatures: [{ keyId: sha256("key"), bundle: "{}\n" }],
    };
    const statements = [{ statement: "admitted", digest, signature: "c2ln", keyId: "k" }];
    const change = { at: 1, files: [], gone: [], packages: [record], statements, served: [] };
    await write(store, { type: "registry", change, audit: [] });
    expect(await store.packages()).toEqual([record]);
    const left: PackageRecord = {
      ...record,
      state: "unloaded",
      unloadedAt: 2,
      admission: null,
      policy: null,
      signers: [],
      countedSince: { [sha256("a key")]: 1 },
    };
    await write(store, { type: "registry", change: { ...change, packages: [left], statements: [] }, audit: [] });
    expect(await store.packages()).toEqual([left]);
    expect(await store.admissions()).toEqual([{ identity, admission: null, policy: null, signers: [] }]);
  });

  it("knows the former lives in their order, whatever the clock said", async () => {
    const store = await open();
    await store.beginLife("ahead", 9_000);
    await store.endLife("ahead", 9_500);
    await store.beginLife("right", 3);
    expect((await store.beginLife("next", 5)).map(({ bootId }) => bootId)).toEqual(["right", "ahead"]);
  });

  it("keeps when the clock was set, in order, and the newest thousand", async () => {
    const store = await open();
    expect(await store.clockSteps()).toEqual([]);
    const steps = Array.from({ length: 1_005 }, (_, index) => ({ until: 10_000 - index, by: index % 2 ? -7 : 9 }));
    for (const step of steps) await write(store, { type: "clock_stepped", step });
    expect(await store.clockSteps()).toEqual(steps.slice(5));
  });

  it("keeps the newest refusals, and they drive out no other fact", async () => {
    const store = await open();
    const entry = (name: string, at: number) => ({ at, name, subject: "x", data: {} });
    await write(store, { type: "audit", entries: [entry("daemon.started", 0)] });
    for (let batch = 0; batch < 3; batch++) {
      const entries = Array.from({ length: 1_000 }, (_, index) => entry(REFUSAL, batch * 1_000 + index + 1));
      await write(store, { type: "audit", entries });
    }
    const kept = await store.audit(5_000);
    expect(kept.filter(({ name }) => name === REFUSAL).map(({ at }) => at)).toEqual(
      Array.from({ length: auditLimits.refusals }, (_, index) => 3_000 - index),
    );
    expect(kept.at(-1)).toMatchObject({ name: "daemon.started" });
  });

  it("knows the former lives, newest first, and which of them ended", async () => {
    const store = await open();
    expect(await store.beginLife("one", 1)).toEqual([]);
    await store.endLife("one", 2);
    await store.beginLife("two", 3);
    expect(await store.beginLife("three", 5)).toEqual([
      { bootId: "two", startedAt: 3, endedAt: null },
      { bootId: "one", startedAt: 1, endedAt: 2 },
    ]);
    await store.checkIntegrity("full");
  });
}
