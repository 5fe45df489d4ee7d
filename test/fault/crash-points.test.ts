import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CrashPointName, crashPointNames } from "../../src/kernel/crash-points.ts";
import { wrongWith } from "../support/check-data-folder.ts";
import type { DaemonProcess } from "../support/daemon-process.ts";
import { type LoadDriver, loadDriver } from "../support/load-driver.ts";
import { packLoad } from "../support/load-packages.ts";

/** How to make the daemon pass a point, beside the load of every life. */
interface Scenario {
  /** The passages of one life at which it is killed: the first, and a later one where there are several. */
  passages: readonly number[];
  /** Reached by the start alone. */
  atStart?: true;
  retention?: true;
  terminate?: true;
}

const often: Scenario = { passages: [1, 3] };

const scenarios: Record<CrashPointName, Scenario> = {
  "lock-taken": { passages: [1], atStart: true },
  "migration-step-done": { passages: [1], atStart: true },
  "former-life-settled": { passages: [1], atStart: true },
  "staging-written": often,
  "store-renamed": often,
  "load-committed": often,
  "run-committed": often,
  "firing-committed": often,
  "attempt-committed": often,
  "attempt-dispatched": often,
  "result-received": often,
  "large-output-stored": often,
  "settle-committed": often,
  "run-ended": often,
  "proof-temp-written": often,
  "reload-checked": often,
  "drain-started": { passages: [1], terminate: true },
  "retention-batch-deleted": { passages: [1, 3], retention: true },
};

let packages: string;

beforeAll(async () => {
  packages = mkdtempSync(join(tmpdir(), "cascade-load-"));
  await packLoad(packages);
});
afterAll(() => rmSync(packages, { recursive: true, force: true }));

/** Drives a life until it has crashed. */
async function crash(driver: LoadDriver, scenario: Scenario, point: string): Promise<void> {
  const daemon = driver.start(point);
  if (!scenario.atStart) await driveUntilEnd(driver, scenario, daemon);
  expect(await daemon.ended, daemon.stderr()).toEqual({ code: null, signal: "SIGKILL" });
}

async function driveUntilEnd(driver: LoadDriver, scenario: Scenario, daemon: DaemonProcess): Promise<void> {
  // It may be killed while it starts.
  await daemon.ready().catch(() => undefined);
  for (let round = 0; round < 8 && !daemon.hasEnded(); round++) {
    await driver.ask(daemon);
    if (scenario.terminate) return daemon.signal("SIGTERM");
  }
}

describe("the crash points", () => {
  it("are passed somewhere in the source, and no other name is", () => {
    const source = join(import.meta.dirname, "../../src");
    const passed = readdirSync(source, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .flatMap((path) => [...readFileSync(join(source, path), "utf8").matchAll(/\bcrashPoint\(\s*"([^"]*)"/g)])
      .map(([, name]) => name);
    expect(new Set(passed)).toEqual(new Set(crashPointNames));
  });

  it("have a scenario each", () => {
    expect(Object.keys(scenarios).sort()).toEqual([...crashPointNames].sort());
  });
});

describe.each(crashPointNames)("killed at %s", (point) => {
  const scenario = scenarios[point];

  it.each(scenario.passages)(
    "at passage %i and again in the recovery, the daemon keeps every promise",
    async (passage) => {
      const driver = loadDriver({ packages, ...(scenario.retention ? { retention: true } : {}) });
      if (point !== "migration-step-done") {
        // A past to recover, so that points of the start have something to lose.
        const first = driver.start();
        await first.ready();
        await driver.ask(first);
        if (scenario.atStart) await first.kill();
        else await first.stop();
      }
      await crash(driver, scenario, `${point}:${passage}`);
      if (passage > 1 || scenario.passages.length === 1) await crash(driver, scenario, `${point}:1`);
      const last = driver.start();
      await last.ready();
      await driver.ask(last);
      await driver.finish(last);
      const { data, acknowledged } = driver;
      expect(await wrongWith({ data, acknowledged, outsideLog: driver.outsideLog() })).toEqual([]);
    },
  );
});
