import { request } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { lifePackages } from "../support/life-packages.ts";
import { lifeRoom } from "../support/life-room.ts";
import { processesOf } from "../support/processes-of.ts";

const files = lifePackages();

/** Asks over the socket as any HTTP program would. */
function post(socketPath: string, path: string, body: unknown) {
  return new Promise<{ status: number; retryAfter: string | undefined; code: unknown }>((resolve, reject) => {
    const asked = request({ socketPath, path, method: "POST", headers: { "content-type": "application/json" } });
    asked.once("error", reject);
    asked.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.once("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          retryAfter: response.headers["retry-after"],
          code: (JSON.parse(text) as { code?: unknown }).code,
        }),
      );
    });
    asked.end(JSON.stringify(body));
  });
}

describe("a drain", () => {
  it("lets the attempt in flight finish, starts nothing more, and the run goes on after the restart", async () => {
    const room = lifeRoom([files.life]);
    const daemon = await room.start();
    const run = await room.begin(daemon, "gated");
    daemon.signal("SIGTERM");
    await eventually(async () => (await daemon.client.status()).state === "draining");
    room.openGate();
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    expect(room.lines()).toEqual([
      { run, task: "first", attempt: 1, done: false },
      { run, task: "first", attempt: 1, done: true },
    ]);

    const next = await room.start();
    expect((await room.end(next, run)).state).toBe("succeeded");
    expect(room.lines().map(({ task, attempt }) => `${task} ${attempt}`)).toEqual([
      "first 1",
      "first 1",
      "second 1",
      "second 1",
    ]);
    await next.stop();
  });

  it("refuses new runs with 503 and Retry-After, while reading and cancelling work", async () => {
    const room = lifeRoom([files.life]);
    const daemon = await room.start();
    const run = await room.begin(daemon, "gated");
    daemon.signal("SIGTERM");
    await eventually(async () => (await daemon.client.status()).state === "draining");

    const socket = join(room.data, "cascade.sock");
    const refused = await post(socket, "/api/v1/runs", { workflow: "life/quick", params: {} });
    expect(refused).toEqual({ status: 503, code: "DAEMON_DRAINING", retryAfter: expect.stringMatching(/^[1-9]\d*$/) });
    expect((await daemon.client.runs({ limit: 10, cursor: null })).items.map(({ id }) => id)).toEqual([run]);
    expect((await daemon.client.why(run)).state).toBe("running");
    await daemon.client.cancelRun(run);
    expect(await daemon.ended).toEqual({ code: 0, signal: null });

    const next = await room.start();
    expect((await next.client.run(run)).state).toBe("cancelled");
    await next.stop();
  });

  it("ends what its time is not enough for: aborts it, five seconds later TERM, five later KILL", async () => {
    const room = lifeRoom([files.life], 'drain = "100ms"');
    const daemon = await room.start();
    const run = await room.begin(daemon, "stubborn");
    const began = performance.now();
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    const took = performance.now() - began;
    expect(took).toBeGreaterThan(10_000);
    expect(took).toBeLessThan(13_000);
    expect(processesOf(room.data)).toEqual([]);

    room.openGate();
    const next = await room.start();
    const view = await room.end(next, run);
    expect(view.state).toBe("succeeded");
    expect(view.tasks[0]!.attempts.map(({ number, outcome }) => [number, outcome])).toEqual([
      [1, "interrupted"],
      [2, "succeeded"],
    ]);
    await next.stop();
  });

  it("leaves instants that become due to the next start, which runs the latest one late and counts the others", async () => {
    const room = lifeRoom([files.life, files.tick], 'drain = "30s"');
    const daemon = await room.start();
    await room.begin(daemon, "gated");
    daemon.signal("SIGTERM");
    await eventually(async () => (await daemon.client.status()).state === "draining");
    const before = (await daemon.client.firings("life-tick/tick/each-second", 1))[0];
    const drainedAt = Date.now();
    // At least three whole seconds lie in between.
    await eventually(() => Date.now() > drainedAt + 3_100);
    expect((await daemon.client.firings("life-tick/tick/each-second", 1))[0]).toEqual(before);
    room.openGate();
    await daemon.ended;

    const next = await room.start();
    const firings = await next.client.firings("life-tick/tick/each-second", 100);
    const late = firings.filter((firing) => firing.late && firing.decision === "started");
    const missed = firings.filter(({ decision }) => decision === "missed");
    expect(late).toHaveLength(1);
    expect(missed).toHaveLength(1);
    expect(missed[0]!.count).toBeGreaterThanOrEqual(2);
    expect((await room.end(next, late[0]!.runId!)).trigger).toMatchObject({ kind: "schedule", late: true });
    await next.stop();
  });

  it.each(["SIGINT", "SIGTERM"] as const)("begins once when %s arrives twice at once", async (signal) => {
    const room = lifeRoom([files.life]);
    const daemon = await room.start();
    const run = await room.begin(daemon, "gated");
    daemon.signal(signal);
    await eventually(async () => (await daemon.client.status()).state === "draining", { everyMs: 1 });
    daemon.signal(signal);
    room.openGate();
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    expect(room.lines()).toContainEqual({ run, task: "first", attempt: 1, done: true });
    expect(room.logged("daemon.killing")).toEqual([]);
  });

  it("is what `stop` over the socket asks for", async () => {
    const room = lifeRoom([files.life]);
    const daemon = await room.start();
    await daemon.client.stop();
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    expect(room.logged("daemon.stopped")).toHaveLength(1);
  });

  it("that is asked for during the start follows it", async () => {
    const room = lifeRoom([files.life]);
    await (await room.start()).kill();
    const daemon = room.spawn();
    await eventually(() => room.logged("daemon.unclean_end").length > 0, { everyMs: 1 });
    daemon.signal("SIGTERM");
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    expect(room.logged("daemon.stopped")).toHaveLength(1);
  });
});

describe("a second signal", () => {
  it("ends what runs at once; after the restart that goes first", async () => {
    const room = lifeRoom([files.life], "concurrency = 1");
    const daemon = await room.start();
    const interrupted = await room.begin(daemon, "gated");
    const waiting = await daemon.client.startRun({ workflow: "life/quick", params: {} });
    daemon.signal("SIGTERM");
    await eventually(async () => (await daemon.client.status()).state === "draining");
    const asked = performance.now();
    await eventually(() => performance.now() > asked + 150);
    daemon.signal("SIGTERM");
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - asked).toBeLessThan(4_000);
    expect(room.logged("daemon.killing")).toHaveLength(1);

    room.openGate();
    const next = await room.start();
    await room.end(next, waiting.id);
    const view = await room.end(next, interrupted);
    expect(view.tasks[0]!.attempts.map(({ outcome }) => outcome)).toEqual(["interrupted", "succeeded"]);
    expect(
      room
        .lines()
        .map(({ task, attempt }) => `${task} ${attempt}`)
        .slice(0, 4),
    ).toEqual(["first 1", "first 2", "first 2", "quick 1"]);
    await next.stop();
  });
});
