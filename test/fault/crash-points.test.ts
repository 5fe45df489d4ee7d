import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CrashPointName, crashPointNames } from "../../src/kernel/crash-points.ts";
import { wrongWith } from "../support/check-data-folder.ts";
import type { DaemonProcess } from "../support/daemon-process.ts";
import { type LoadDriver, loadDriver } from "../support/load-driver.ts";
import { packLoad } from "../support/load-packages.ts";

/** At which passages the daemon is killed, in one life after the other; the lives after the first are recoveries. */
const plans = {
  "at its first passage": [1],
  "at its first passage and again in the recovery": [1, 1],
  "at its third passage and again in the recovery": [3, 1],
} as const;

/** How to make the daemon pass a point, beside the load of every life. */
interface Scenario {
  plans: readonly (keyof typeof plans)[];
  /** Reached by the start alone. */
  atStart?: true;
  retention?: true;
  signer?: true;
  terminate?: true;
}

const onceALife: Scenario["plans"] = ["at its first passage and again in the recovery"];
const often: Scenario = { plans: ["at its first passage", "at its third passage and again in the recovery"] };

const scenarios: Record<CrashPointName, Scenario> = {
  "lock-taken": { plans: onceALife, atStart: true },
  "migration-step-done": { plans: onceALife, atStart: true },
  "former-life-settled": { plans: onceALife, atStart: true },
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
  "statements-signed": { ...often, signer: true },
  "tlog-tiles-written": often,
  "tlog-head-signed": often,
  "tlog-head-published": often,
  "proof-temp-written": often,
  "reload-checked": often,
  "drain-started": { plans: onceALife, terminate: true },
  "retention-batch-deleted": { ...often, retention: true },
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

  it.each(scenario.plans)("%s, the daemon keeps every promise", async (plan) => {
    const { retention = false, signer = false } = scenario;
    const driver = loadDriver({ packages, retention, signer });
    if (point !== "migration-step-done") {
      // A past to recover, so that points of the start have something to lose.
      const first = driver.start();
      await first.ready();
      await driver.ask(first);
      if (scenario.atStart) await first.kill();
      else await first.stop();
    }
    for (const passage of plans[plan]) await crash(driver, scenario, `${point}:${passage}`);
    const last = driver.start();
    await last.ready();
    await driver.ask(last);
    await driver.finish(last);
    const { data, acknowledged } = driver;
    expect(await wrongWith({ data, acknowledged, outsideLog: driver.outsideLog() })).toEqual([]);
  });
});
