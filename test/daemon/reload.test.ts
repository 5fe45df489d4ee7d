import { copyFileSync, mkdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { DaemonProcess } from "../support/daemon-process.ts";
import { eventually } from "../support/eventually.ts";
import { lifePackages } from "../support/life-packages.ts";
import { lifeRoom } from "../support/life-room.ts";

const files = lifePackages();

const generation = async (daemon: DaemonProcess) => (await daemon.client.status()).config.generation;

/** Sends SIGHUP and waits until the new configuration is in effect. */
async function reload(daemon: DaemonProcess): Promise<void> {
  const before = await generation(daemon);
  daemon.signal("SIGHUP");
  await eventually(async () => (await generation(daemon)) > before);
}

describe("a reload", () => {
  it("watches other folders: their packages load, those of the folders that went unload", async () => {
    const room = lifeRoom([files.life]);
    const other = join(dirname(room.config), "other");
    mkdirSync(other, { mode: 0o700 });
    copyFileSync(files.tick, join(other, basename(files.tick)));
    const daemon = await room.start();
    expect((await daemon.client.workflows()).some(({ id }) => id === "life/quick")).toBe(true);
    room.configure(`watch = [${JSON.stringify(other)}]`);
    await reload(daemon);
    await eventually(async () => {
      const ids = (await daemon.client.workflows()).map(({ id }) => id);
      return ids.length === 1 && ids[0] === "life-tick/tick";
    });
    expect((await daemon.client.status()).watch).toEqual([{ dir: other, ok: true, error: null }]);
    await daemon.stop();
  });

  it("changes the log level, the concurrency and the drain time", async () => {
    const room = lifeRoom([files.life], 'concurrency = 1\ndrain = "60s"');
    const daemon = await room.start();
    await room.begin(daemon, "gated");
    const second = await daemon.client.startRun({ workflow: "life/gated", params: {} });
    await eventually(async () => (await daemon.client.why(second.id)).holds[0]?.kind === "daemon_concurrency");
    expect(room.logged("attempt.started")).toEqual([]);

    room.configure('concurrency = 2\ndrain = "10ms"\n[log]\nlevel = "debug"');
    await reload(daemon);
    await eventually(() => room.lines().some(({ run }) => run === second.id));
    await eventually(() => room.logged("attempt.started").length > 0);
    const began = performance.now();
    expect((await daemon.stop()).code).toBe(0);
    // Well below the sixty seconds it started with: the gated tasks end at the TERM.
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it("with smaller limits cleans up at once", async () => {
    const room = lifeRoom([files.life]);
    const daemon = await room.start();
    for (let index = 0; index < 3; index++) await room.end(daemon, await room.begin(daemon, "quick"));
    room.configure("[retention]\nrun_count = 1");
    await reload(daemon);
    await eventually(async () => (await daemon.client.runs({ limit: 10, cursor: null })).items.length === 1);
    await daemon.stop();
  });

  it("of a configuration with mistakes changes nothing, and status says why until it is corrected", async () => {
    const room = lifeRoom([files.life], "concurrency = 3");
    const daemon = await room.start();
    room.configure('watch = ["/nowhere"]\nconcurrency = "many"');
    daemon.signal("SIGHUP");
    const refused = await eventually(async () => {
      const { config } = await daemon.client.status();
      return config.error !== null && config;
    });
    expect(refused.generation).toBe(1);
    expect(refused.error).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining("concurrency") });
    expect((await daemon.client.status()).watch).toEqual([{ dir: join(room.data, "packages"), ok: true, error: null }]);
    await expect(daemon.client.reload()).rejects.toMatchObject({ code: "CONFIG_INVALID" });

    room.configure("concurrency = 4");
    await reload(daemon);
    expect((await daemon.client.status()).config).toEqual({ generation: 2, error: null });
    await daemon.stop();
  });

  it("says which keys take a restart, and which ones a variable overrides", async () => {
    const room = lifeRoom([], "concurrency = 3");
    const daemon = await room.start({ CASCADE_CONCURRENCY: "5" });
    room.configure('concurrency = 4\nscan_interval = "1s"');
    const report = await daemon.client.reload();
    expect(report).toEqual({ generation: 2, changed: [], needRestart: ["scan_interval"] });
    await eventually(() => room.logged("config.overridden").length > 0);
    expect(room.logged("config.need_restart")).toEqual([expect.objectContaining({ key: "scan_interval", to: '"1s"' })]);
    expect(room.logged("config.overridden")).toEqual([
      expect.objectContaining({ key: "concurrency", by: expect.stringContaining("CASCADE_CONCURRENCY") }),
    ]);
    await daemon.stop();
  });

  it("that is asked for during the start follows it", async () => {
    const room = lifeRoom([files.life], "concurrency = 3");
    await (await room.start()).kill();
    const daemon = room.spawn();
    await eventually(() => room.logged("daemon.unclean_end").length > 0, { everyMs: 1 });
    daemon.signal("SIGHUP");
    await daemon.ready();
    await eventually(async () => (await generation(daemon)) === 2);
    await daemon.stop();
  });
});
