import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { wrongWith } from "../support/check-data-folder.ts";
import { watchCheckpoints, wrongCheckpoints } from "../support/checkpoint-watch.ts";
import { eventually } from "../support/eventually.ts";
import { loadDriver } from "../support/load-driver.ts";
import { packLoad } from "../support/load-packages.ts";

/** As many as a quick look allows; `CASCADE_KILLS=200` takes about three minutes. */
const KILLS = Number(process.env["CASCADE_KILLS"] ?? 20);
/** From a start, into the middle of it or of the load that follows. */
const LATEST_MS = 1_200;

let packages: string;

beforeAll(async () => {
  packages = mkdtempSync(join(tmpdir(), "cascade-load-"));
  await packLoad(packages);
});
afterAll(() => rmSync(packages, { recursive: true, force: true }));

it(`keeps every promise when it is killed ${KILLS} times at random instants under load`, async () => {
  const driver = loadDriver({ packages });
  const watch = watchCheckpoints(driver.data, 5);
  onTestFinished(() => watch.stop());
  const instants: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const daemon = driver.start();
    const at = performance.now() + Math.random() * LATEST_MS;
    instants.push(Math.round(at - performance.now()));
    const load = (async () => {
      await daemon.ready().catch(() => undefined);
      while (!daemon.hasEnded()) await driver.ask(daemon);
    })();
    await eventually(() => performance.now() >= at, { everyMs: 1 });
    await daemon.kill();
    await load;
  }
  const last = driver.start();
  await last.ready();
  await driver.ask(last);
  await driver.finish(last);
  const { data, acknowledged } = driver;
  const wrong = await wrongWith({ data, acknowledged, outsideLog: driver.outsideLog() });
  expect(wrong, `killed after ${instants.join(", ")} ms`).toEqual([]);
  expect(acknowledged.length).toBeGreaterThan(0);
  watch.stop();
  expect(await wrongCheckpoints(data, watch.seen)).toEqual([]);
  expect(watch.seen.size).toBeGreaterThan(1);
}, 1_200_000);
