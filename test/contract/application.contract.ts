import { expect, it } from "vitest";
import type { Commands, Queries } from "../../src/app/application.ts";
import {
  type ApplicationRoom,
  applicationRoom,
  loadedPackage,
  servedBy,
  workflowIn,
} from "../support/application-room.ts";
import { eventually } from "../support/eventually.ts";
import { schedule } from "../support/schedules.ts";

const named = {
  type: "object",
  properties: { name: { type: "string", format: "email" }, count: { type: "integer", minimum: 1 } },
  required: ["name"],
  additionalProperties: false,
} as const;

/**
 * What every way to the application promises; `reach` gives it as a caller sees it. An error is the same error whichever way
 * it came: code, message, hint, problems and details.
 */
export function describeApplication(reach: (room: ApplicationRoom) => Promise<Queries & Commands>): void {
  async function open(...[tasks]: Parameters<typeof applicationRoom>) {
    const room = await applicationRoom(tasks);
    const app = await reach(room);
    return { room, app };
  }
  const ended = (app: Queries, id: string) =>
    eventually(async () => {
      const run = await app.run(id);
      return run.endedAt !== null && run;
    });

  it("replays an ended run and signs what came of it, also that nothing can be told", async () => {
    const { room, app } = await open({ a: () => 1 });
    await room.serve(servedBy([workflowIn("pack", "flow", { tasks: ["a"] })]));
    const { id } = await app.startRun({ workflow: "flow", params: {} });
    await ended(app, id);
    const replay = await app.replayRun(id, { task: null, against: null, mask: ["/at"] });
    expect(replay).toMatchObject({
      run: id,
      workflow: "pack/flow",
      result: "unknown",
      mask: ["/at"],
      tasks: [{ id: "a", result: "skipped", skipped: "not_recorded" }],
    });
    const stored = await room.bench.store.statementsAfter(0, 10);
    expect(stored.at(-1)).toMatchObject({ file: replay.statement!.file });
    const wrong = { task: "b", against: null, mask: [] };
    await expect(app.replayRun(id, wrong)).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
    await expect(app.replayRun(id, { ...wrong, task: null, mask: ["at"] })).rejects.toMatchObject({ code: "USAGE" });
    await expect(app.replayRun(id, { ...wrong, against: "none" })).rejects.toMatchObject({ code: "PACKAGE_UNKNOWN" });
  });

  it("shows an ended run with its attempts, outputs and times", async () => {
    const { room, app } = await open({ a: () => ({ n: 1 }), b: ({ upstream }) => upstream["a"] });
    await room.serve(servedBy([workflowIn("pack", "flow", { tasks: ["a", "b"] })]));
    const begun = await app.startRun({ workflow: "pack/flow", params: { b: 1, a: [null] } });
    expect(begun).toMatchObject({
      state: "running",
      workflow: "pack/flow",
      package: "pack",
      version: "1.0.0",
      endedAt: null,
    });
    const run = await ended(app, begun.id);
    expect(run).toMatchObject({
      id: begun.id,
      state: "succeeded",
      params: { a: [null], b: 1 },
      trigger: { kind: "manual" },
      key: null,
      cancel: null,
      error: null,
    });
    expect(run.tasks.map(({ id, state, after, output }) => ({ id, state, after, output }))).toEqual([
      { id: "a", state: "succeeded", after: [], output: { n: 1 } },
      { id: "b", state: "succeeded", after: ["a"], output: { n: 1 } },
    ]);
    expect(run.tasks[0]!.attempts).toMatchObject([{ number: 1, outcome: "succeeded", exitCode: null, error: null }]);
    expect(run.plannedAt).toBe("2026-01-01T00:00:00.000Z");
    expect(await app.runs({ limit: 10, cursor: null })).toMatchObject({ items: [{ id: run.id }], nextCursor: null });
  });

  it("takes a bare workflow name while it is unique, and lists the full ones when it is not", async () => {
    const { room, app } = await open();
    await room.serve(servedBy([workflowIn("sales", "report"), workflowIn("sales", "import")]));
    expect((await app.startRun({ workflow: "report", params: {} })).workflow).toBe("sales/report");
    await room.serve(servedBy([workflowIn("ops", "report")]));
    await expect(app.startRun({ workflow: "report", params: {} })).rejects.toMatchObject({
      code: "WORKFLOW_AMBIGUOUS",
      details: { candidates: ["ops/report", "sales/report"] },
    });
    await expect(app.workflow("report")).rejects.toMatchObject({ code: "WORKFLOW_AMBIGUOUS" });
    expect((await app.workflow("ops/report")).id).toBe("ops/report");
    await expect(app.workflow("imprt")).rejects.toMatchObject({
      code: "WORKFLOW_UNKNOWN",
      hint: "Did you mean import?",
    });
    await expect(app.startRun({ workflow: "", params: {} })).rejects.toMatchObject({ name: "CascadeError" });
  });

  it("takes any unique ending of an id of six or more characters", async () => {
    const { room, app } = await open();
    await room.serve(servedBy([workflowIn("pack", "flow")]));
    const { id } = await app.startRun({ workflow: "flow", params: {} });
    expect((await app.run(id.slice(-6))).id).toBe(id);
    expect((await app.run(id.slice(-12).toUpperCase())).id).toBe(id);
    expect((await app.why(id.slice(-8))).id).toBe(id);
    for (const text of [id.slice(-5), "", "%_%_%_", "../../etc", "zzzzzz", `x${id}`]) {
      await expect(app.run(text), text).rejects.toMatchObject({ name: "CascadeError" });
    }
    await expect(app.run("00000000-0000-7000-8000-000000000000")).rejects.toMatchObject({ code: "RUN_UNKNOWN" });
  });

  it("refuses params that do not satisfy the schema, names every place, and stores nothing", async () => {
    const { room, app } = await open();
    await room.serve(servedBy([workflowIn("pack", "flow", { params: named })]));
    await expect(app.startRun({ workflow: "flow", params: { count: 0, more: 1 } })).rejects.toMatchObject({
      code: "PARAMS_INVALID",
      problems: [
        { place: "/more", message: 'there is no param "more"' },
        { place: "/", message: "must have required property 'name'" },
        { place: "/count", message: "must be >= 1" },
      ],
    });
    await expect(app.startRun({ workflow: "flow", params: null })).rejects.toMatchObject({ code: "PARAMS_INVALID" });
    expect((await app.runs({ limit: 10, cursor: null })).items).toEqual([]);
    // `format` is a note to people.
    expect((await app.startRun({ workflow: "flow", params: { name: "not an address" } })).state).toBe("running");
  });

  it("starts one run for a key, whatever the order of the params' members", async () => {
    const { room, app } = await open();
    await room.serve(servedBy([workflowIn("pack", "flow"), workflowIn("pack", "other")]));
    const request = { workflow: "flow", params: { a: 1, b: { c: [], d: null } }, key: "k" };
    const first = await app.startRun(request);
    const again = await app.startRun({ ...request, workflow: "pack/flow", params: { b: { d: null, c: [] }, a: 1 } });
    expect(again.id).toBe(first.id);
    await expect(app.startRun({ ...request, params: {} })).rejects.toMatchObject({
      code: "KEY_REUSED",
      details: { runId: first.id },
    });
    expect((await app.startRun({ ...request, workflow: "other" })).id).not.toBe(first.id);
    const both = await Promise.all([1, 2, 3, 4].map(() => app.startRun({ ...request, key: "raced" })));
    expect(new Set(both.map(({ id }) => id)).size).toBe(1);
  });

  it("starts all runs of a batch or none", async () => {
    const { room, app } = await open();
    await room.serve(servedBy([workflowIn("pack", "flow", { params: named })]));
    const good = { workflow: "flow", params: { name: "x" } };
    await expect(app.startRuns([good, { workflow: "flow", params: { name: 1 } }])).rejects.toMatchObject({
      code: "PARAMS_INVALID",
      problems: [{ place: "/runs/1/params/name" }],
    });
    await expect(app.startRuns([good, { workflow: "nowhere", params: {} }])).rejects.toMatchObject({
      code: "WORKFLOW_UNKNOWN",
    });
    await expect(app.startRuns([])).rejects.toMatchObject({ code: "USAGE" });
    expect((await app.runs({ limit: 10, cursor: null })).items).toEqual([]);
    const known = await app.startRun({ ...good, key: "known" });
    const runs = await app.startRuns([good, { ...good, key: "k" }, { ...good, key: "known" }, { ...good, key: "k" }]);
    expect(runs).toHaveLength(4);
    expect(runs[2]!.id).toBe(known.id);
    expect(runs[1]!.id).toBe(runs[3]!.id);
    expect(new Set(runs.map(({ id }) => id)).size).toBe(3);
    await expect(
      app.startRuns([
        { ...good, key: "z" },
        { workflow: "flow", params: { name: "y" }, key: "z" },
      ]),
    ).rejects.toMatchObject({ code: "KEY_REUSED" });
  });

  it("lists runs newest first in pages that stay valid, by state and workflow", async () => {
    const { room, app } = await open({
      a: () => 1,
      bad: () => {
        throw new Error("broken");
      },
    });
    await room.serve(servedBy([workflowIn("pack", "flow"), workflowIn("pack", "sad", { tasks: ["bad"] })]));
    const ids: string[] = [];
    for (const workflow of ["flow", "sad", "flow", "sad", "flow"])
      ids.unshift((await app.startRun({ workflow, params: {} })).id);
    for (const id of ids) await ended(app, id);
    const first = await app.runs({ limit: 2, cursor: null });
    await app.startRun({ workflow: "flow", params: {} });
    const second = await app.runs({ limit: 10, cursor: first.nextCursor });
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids);
    expect(second.nextCursor).toBeNull();
    const failed = await app.runs({ state: ["failed"], workflow: "sad", limit: 10, cursor: null });
    expect(failed.items.map(({ id }) => id)).toEqual([ids[1], ids[3]]);
    expect(failed.items[0]!.error).toMatchObject({ code: "TASK_FAILED" });
    await expect(app.runs({ state: ["gone"], limit: 1, cursor: null })).rejects.toMatchObject({ code: "USAGE" });
    await expect(app.runs({ workflow: "nope", limit: 1, cursor: null })).rejects.toMatchObject({
      code: "WORKFLOW_UNKNOWN",
    });
  });

  it("finds the past runs of a workflow whose package has left", async () => {
    const { room, app } = await open();
    await room.serve(servedBy([workflowIn("pack", "flow")]));
    const { id } = await app.startRun({ workflow: "flow", params: {} });
    await room.serve({ name: "pack", active: null, workflows: [], schedules: [] });
    expect((await app.runs({ workflow: "flow", limit: 5, cursor: null })).items.map((run) => run.id)).toEqual([id]);
    await expect(app.startRun({ workflow: "flow", params: {} })).rejects.toMatchObject({ code: "WORKFLOW_UNKNOWN" });
    expect(await app.workflows()).toEqual([]);
  });

  it("says why a run waits, and tells its history", async () => {
    const { room, app } = await open();
    await room.serve(servedBy([workflowIn("pack", "flow")]));
    expect((await app.pauseWorkflow("flow")).paused).toBe(true);
    const { id } = await app.startRun({ workflow: "flow", params: {} });
    const why = await app.why(id);
    expect(why.holds.map(({ kind }) => kind)).toEqual(["workflow_paused"]);
    expect(why.summary).toMatch(/^It waits to begin: .*paused/);
    expect(why.history[0]).toMatchObject({ name: "run.created", detail: "manual", at: "2026-01-01T00:00:00.000Z" });
    expect((await app.resumeWorkflow("flow")).paused).toBe(false);
    await ended(app, id);
    expect((await app.why(id)).holds).toEqual([]);
  });

  it("cancels a run, and says of an ended one that it has ended", async () => {
    const { room, app } = await open({
      a: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")))),
    });
    await room.serve(servedBy([workflowIn("pack", "flow")]));
    const { id } = await app.startRun({ workflow: "flow", params: {} });
    await eventually(async () => (await app.run(id)).tasks[0]!.state === "running");
    expect((await app.cancelRun(id.slice(-9))).cancel).toMatchObject({ reason: "user" });
    expect((await ended(app, id)).state).toBe("cancelled");
    await expect(app.cancelRun(id)).rejects.toMatchObject({ code: "RUN_ENDED" });
    await expect(app.cancelRun("00000000-0000-7000-8000-000000000000")).rejects.toMatchObject({ code: "RUN_UNKNOWN" });
  });

  it("lists loaded and rejected packages, and what one holds", async () => {
    const { room, app } = await open();
    const records = loadedPackage("pack");
    const digest = records.packages[0]!.identity.digest;
    const live = workflowIn("pack", "flow");
    await room.serve(servedBy([{ ...live, package: { ...live.package, digest } }]), records);
    expect(await app.packages()).toMatchObject([
      { name: null, version: null, state: "rejected", active: false, error: { code: "PACKAGE_TRUNCATED" } },
      {
        name: "pack",
        version: "1.0.0",
        digest,
        state: "loaded",
        active: true,
        file: "/watched/pack-1.0.0.cascade",
        error: null,
      },
    ]);
    expect(await app.package("pack", null)).toMatchObject({
      workflows: ["pack/flow"],
      files: [{ path: "bundle.mjs" }],
    });
    await expect(app.package("pack", "9.9.9")).rejects.toMatchObject({ code: "PACKAGE_UNKNOWN" });
  });

  it("names schedules in full or by their end, pauses them and tells what fires next", async () => {
    const { room, app } = await open();
    const hourly = schedule({
      id: "pack/flow/0 * * * *",
      name: "0 * * * *",
      cron: "0 * * * *",
      nextAt: Date.UTC(2026, 0, 1, 1),
    });
    const daily = schedule({
      id: "pack/flow/daily",
      name: "daily",
      cron: "30 1 * * *",
      nextAt: Date.UTC(2026, 0, 1, 1, 30),
    });
    await room.serve(servedBy([workflowIn("pack", "flow")], [hourly, daily]));
    expect((await app.schedules()).map(({ id }) => id)).toEqual(["pack/flow/0 * * * *", "pack/flow/daily"]);
    expect((await app.upcoming({ limit: 3 })).map(({ plannedAt, schedule: id }) => `${plannedAt} ${id}`)).toEqual([
      "2026-01-01T01:00:00.000Z pack/flow/0 * * * *",
      "2026-01-01T01:30:00.000Z pack/flow/daily",
      "2026-01-01T02:00:00.000Z pack/flow/0 * * * *",
    ]);
    expect(await app.upcoming({ schedule: "daily", limit: 2 })).toHaveLength(2);
    const paused = await app.pauseSchedule("0 * * * *");
    expect(paused).toMatchObject({ id: "pack/flow/0 * * * *", state: "paused", nextAt: null, catchUp: "latest" });
    expect((await app.upcoming({ workflow: "flow", limit: 9 })).every(({ schedule: id }) => id === daily.id)).toBe(
      true,
    );
    expect((await app.resumeSchedule(hourly.id)).state).toBe("active");
    expect(await app.firings("daily", 5)).toEqual([]);
    await expect(app.schedule("dayly")).rejects.toMatchObject({ code: "SCHEDULE_UNKNOWN" });
    expect(await app.workflow("flow")).toMatchObject({ nextAt: "2026-01-01T00:01:00.000Z", schedules: [{}, {}] });
  });

  it("hands out logs from where the reader is, in whatever order attempts write", async () => {
    const { room, app } = await open({ a: () => 1, b: () => 2 });
    await room.serve(servedBy([workflowIn("pack", "flow", { tasks: ["a", "b"] })]));
    const { id } = await app.startRun({ workflow: "flow", params: {} });
    await ended(app, id);
    expect(await app.logs(id, null, {})).toEqual([]);
    room.logs.set("a.1", "grüße\n").set("b.1", "two\n");
    const chunks = await app.logs(id, null, {});
    expect(chunks).toEqual([
      { task: "a", attempt: 1, text: "grüße\n", nextOffset: 8, complete: true },
      { task: "b", attempt: 1, text: "two\n", nextOffset: 4, complete: true },
    ]);
    expect(await app.logs(id, null, { "a.1": 8, "b.1": 1 })).toMatchObject([{ task: "b", text: "wo\n" }]);
    expect(await app.logs(id, "a", { "a.1": 8 })).toEqual([]);
    await expect(app.logs(id, "load", {})).rejects.toMatchObject({ code: "TASK_UNKNOWN", hint: "Tasks: a, b." });
  });

  it("shows the proof of an ended run, and says that others have none", async () => {
    const { room, app } = await open();
    await room.serve(servedBy([workflowIn("pack", "flow")]));
    await app.pauseWorkflow("flow");
    const { id } = await app.startRun({ workflow: "flow", params: {} });
    await expect(app.proof(id)).rejects.toMatchObject({ code: "PROOF_UNKNOWN" });
    await app.resumeWorkflow("flow");
    await ended(app, id);
    const proof = await app.proof(id.slice(-8));
    expect(proof).toMatchObject({ runId: id, workflow: "pack/flow", runNumber: 1, state: "due", previousProof: null });
    expect(proof.signed).toBe(true);
    expect(proof.file).toBe(`proofs/2026/01/01/${id}.sigstore.json`);
    expect(proof.start).toBeNull();
    expect(JSON.parse(await app.proofFile(id))).toMatchObject({ mediaType: expect.stringContaining("sigstore") });
  });

  it("says where the start of a run is that has no proof yet", async () => {
    const { room, app } = await open();
    await room.serve(servedBy([workflowIn("pack", "flow", { logStart: true })]));
    await app.pauseWorkflow("flow");
    const { id } = await app.startRun({ workflow: "flow", params: {} });
    const message = `run ${id} is queued and has no proof; its start is proofs/2026/01/01/${id}.start.sigstore.json`;
    await expect(app.proof(id)).rejects.toMatchObject({ code: "PROOF_UNKNOWN", message });
  });

  it("removes what may be removed and names what may not", async () => {
    const { room, app } = await open();
    room.removal.report = { removed: [{ folder: "/w", name: "a.cascade" }], refused: [] };
    expect(await app.removePackage("a", null)).toEqual({ removed: ["/w/a.cascade"] });
    const error = { code: "PERMISSION", message: "may not", hint: "sudo rm" };
    room.removal.report = { removed: [], refused: [{ location: { folder: "/w", name: "b.cascade" }, error }] };
    await expect(app.removePackage("b", "1.0.0")).rejects.toMatchObject({
      code: "PERMISSION",
      problems: [{ place: "/w/b.cascade", hint: "sudo rm" }],
    });
    await expect(app.removePackage("nobody", null)).rejects.toMatchObject({ code: "PACKAGE_UNKNOWN" });
  });

  it("refuses new runs while it drains and goes on answering", async () => {
    const { room, app } = await open();
    await room.serve(servedBy([workflowIn("pack", "flow")]));
    await app.stop();
    expect(room.stops).toBe(1);
    await room.bench.engine.drain(0);
    await expect(app.startRun({ workflow: "flow", params: {} })).rejects.toMatchObject({ code: "DAEMON_DRAINING" });
    expect((await app.status()).state).toBe("running");
    expect(await app.reload()).toEqual({ generation: 2, changed: ["drain"], needRestart: [] });
  });
}
