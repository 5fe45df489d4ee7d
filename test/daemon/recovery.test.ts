import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { lifePackages } from "../support/life-packages.ts";
import { lifeRoom } from "../support/life-room.ts";
import { processesOf } from "../support/processes-of.ts";
import { sqliteProgram } from "../support/sqlite-program.ts";

const files = lifePackages();

describe("after a SIGKILL of the daemon", () => {
  it("its task processes end by themselves, with a blocked event loop and with what they started", async () => {
    const room = lifeRoom([files.life]);
    const daemon = await room.start();
    const run = await room.begin(daemon, "stubborn");
    expect(processesOf(room.data).length).toBeGreaterThanOrEqual(3);
    await daemon.kill();
    await eventually(() => processesOf(room.data).length === 0, { timeoutMs: 5_000 });

    room.openGate();
    const next = await room.start();
    expect((await room.end(next, run)).tasks[0]!.attempts.map(({ outcome }) => outcome)).toEqual([
      "interrupted",
      "succeeded",
    ]);
    await next.stop();
  });

  it("the next start kills what has left its group, before anything runs again", async () => {
    const room = lifeRoom([files.life]);
    const daemon = await room.start();
    await room.begin(daemon, "escaped");
    await daemon.kill();
    const left = await eventually(() => {
      const found = processesOf(room.data);
      return found.length === 1 && found;
    });
    expect(left[0]!.command).toBe("sleep 1000");
    room.openGate();
    const next = await room.start();
    expect(processesOf(room.data).some(({ pid }) => pid === left[0]!.pid)).toBe(false);
    await eventually(() => room.logged("strays.killed").length === 1);
    await next.stop();
  });

  it("a task that may not run again fails, and all else goes on", async () => {
    const room = lifeRoom([files.life]);
    const daemon = await room.start();
    const [once, gated] = [await room.begin(daemon, "once"), await room.begin(daemon, "gated")];
    await daemon.kill();
    room.openGate();
    const next = await room.start();
    const failed = await room.end(next, once);
    expect(failed.tasks[0]).toMatchObject({ state: "failed", error: { code: "TASK_INTERRUPTED" } });
    expect((await room.end(next, gated)).state).toBe("succeeded");
    await next.stop();
  });

  it("the same key still names the first run, and other params are refused", async () => {
    const room = lifeRoom([files.life]);
    const daemon = await room.start();
    const request = { workflow: "life/quick", params: { a: 1 }, key: "k" };
    const { id } = await daemon.client.startRun(request);
    await daemon.kill();
    const next = await room.start();
    expect((await next.client.startRun(request)).id).toBe(id);
    await expect(next.client.startRun({ ...request, params: { a: 2 } })).rejects.toMatchObject({ code: "KEY_REUSED" });
    await next.stop();
  });

  it("instants that came meanwhile are missed: the latest one runs late, the others are one counted record", async () => {
    const room = lifeRoom([files.tick]);
    const daemon = await room.start();
    const schedule = "life-tick/tick/each-second";
    await eventually(async () => (await daemon.client.firings(schedule, 1)).length > 0);
    await daemon.kill();
    const killedAt = Date.now();
    await eventually(() => Date.now() > killedAt + 3_100);
    const next = await room.start();
    const firings = await next.client.firings(schedule, 100);
    const planned = firings.flatMap(({ plannedAt, count, decision }) =>
      decision === "missed" ? Array.from({ length: count }, () => plannedAt) : [plannedAt],
    );
    expect(firings.filter(({ late, decision }) => late && decision === "started")).toHaveLength(1);
    expect(firings.filter(({ decision }) => decision === "missed")).toHaveLength(1);
    // Every second from the first firing to the last has its record.
    const [newest, oldest] = [Date.parse(firings[0]!.plannedAt), Date.parse(firings.at(-1)!.plannedAt)];
    expect(planned).toHaveLength((newest - oldest) / 1_000 + 1);
    await next.stop();
  });

  it("proof files that are gone are written again, byte for byte", async () => {
    const room = lifeRoom([files.life]);
    const daemon = await room.start();
    await room.end(daemon, await room.begin(daemon, "quick"));
    await daemon.stop();
    const folder = join(room.data, "proofs");
    const path = readdirSync(folder, { recursive: true, encoding: "utf8" }).find((name) => name.endsWith(".json"))!;
    const before = readFileSync(join(folder, path));
    rmSync(join(folder, path));
    const next = await room.start();
    await eventually(() => readFileSync(join(folder, path)).equals(before));
    await next.stop();
  });
});

describe("a task that kills the daemon each time", () => {
  it("is tried alone after three deaths, is given up after two more, and does not hold up its neighbours", async () => {
    const room = lifeRoom([files.life]);
    const first = await room.start();
    const { id: deadly } = await first.client.startRun({ workflow: "life/deadly", params: {} });
    expect((await first.ended).signal).toBe("SIGKILL");
    for (let death = 2; death <= 5; death++)
      expect((await room.spawn().ended).signal, `death ${death}`).toBe("SIGKILL");

    const survivor = await room.start();
    const neighbour = await survivor.client.startRun({ workflow: "life/quick", params: {} });
    const view = await room.end(survivor, deadly);
    expect(view.tasks[0]).toMatchObject({ state: "failed", error: { code: "TASK_KILLS_DAEMON" } });
    expect(view.tasks[0]!.attempts.map(({ outcome }) => outcome)).toEqual(Array(5).fill("interrupted"));
    expect((await room.end(survivor, neighbour.id)).state).toBe("succeeded");
    await survivor.stop();
    const alone = sqliteProgram<{ alone: number }>(
      join(room.data, "cascade.db"),
      `SELECT alone FROM attempts WHERE run_id = '${deadly}' ORDER BY number`,
    );
    expect(alone.map((row) => row.alone)).toEqual([0, 0, 0, 1, 1]);
  });

  it("beside an innocent one, which succeeds", async () => {
    const room = lifeRoom([files.life]);
    const first = await room.start();
    const innocent = await room.begin(first, "gated");
    await first.client.startRun({ workflow: "life/deadly", params: {} }).catch(() => undefined);
    expect((await first.ended).signal).toBe("SIGKILL");
    for (let death = 2; death <= 3; death++) expect((await room.spawn().ended).signal).toBe("SIGKILL");
    room.openGate();
    // From now on one at a time: the innocent one, which is older, ends before the deadly one is tried.
    for (let death = 4; death <= 5; death++)
      expect((await room.spawn().ended).signal, `death ${death}`).toBe("SIGKILL");
    const survivor = await room.start();
    expect((await room.end(survivor, innocent)).state).toBe("succeeded");
    await survivor.stop();
  });
});
