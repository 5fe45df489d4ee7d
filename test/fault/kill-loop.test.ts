import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { wrongWith } from "../support/check-data-folder.ts";
import { eventually } from "../support/eventually.ts";
import { loadDriver } from "../support/load-driver.ts";
import { packLoad } from "../support/load-packages.ts";

const KILLS = 20;
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
});
