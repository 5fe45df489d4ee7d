import { spawn } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { expect, test } from "vitest";
import { killStrays } from "../../src/adapters/process/strays.ts";
import { attemptSpec } from "../support/attempts.ts";
import { childEntry } from "../support/child-entry.ts";
import { eventually } from "../support/eventually.ts";
import { tempFolder } from "../support/temp-folder.ts";

/** Process ids whose environment holds the text. */
function processesWith(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}

let lastBoot = 0;

/** A process that holds running attempts, and the marker of everything that it has started. */
async function doomedDaemon(specs: Parameters<typeof attemptSpec>[0][]) {
  const folder = tempFolder();
  const program = join(folder, "daemon.mjs");
  buildSync({
    entryPoints: [join(import.meta.dirname, "../fixtures/doomed-daemon.ts")],
    outfile: program,
    bundle: true,
    platform: "node",
    format: "esm",
  });
  const bootId = `doomed-${process.pid}-${++lastBoot}`;
  const started = join(folder, "started");
  const told = {
    childEntry: childEntry(),
    fixtures: join(import.meta.dirname, "../fixtures/hosts"),
    workRoot: join(folder, "work"),
    bootId,
    started,
    specs: specs.map((spec) => attemptSpec(spec)),
  };
  const daemon = spawn(process.execPath, [program, JSON.stringify(told)], { stdio: ["ignore", "inherit", "inherit"] });
  await eventually(
    () => existsSync(started) && readFileSync(started, "utf8").trim().split("\n").length === specs.length,
  );
  return { daemon, bootId, marker: `CASCADE_HOST=${bootId}:` };
}

test("task processes, blocked ones too, their grandchildren and commands end within a second when the daemon is killed", async () => {
  const { daemon, marker } = await doomedDaemon([
    { task: "neverEnds" },
    { task: "blocks" },
    { task: "blocksWithGrandchild" },
    { task: "command", command: { run: "trap '' TERM HUP; sleep 1000 & sleep 1000", env: {} } },
  ]);
  // Three processes and a grandchild; the shell, its watcher and two sleeps.
  await eventually(() => processesWith(marker).length >= 8);
  daemon.kill("SIGKILL");
  const killedAt = performance.now();
  await eventually(() => processesWith(marker).length === 0);
  expect(performance.now() - killedAt).toBeLessThan(1_000);
});

test("what left its group and outlived the daemon is killed by its marker, and nothing of other lives is", async () => {
  const escape = { task: "command", command: { run: "setsid sleep 1000 & setsid sleep 1000 & sleep 1000", env: {} } };
  const former = await doomedDaemon([escape]);
  const other = await doomedDaemon([escape]);
  await eventually(() => processesWith(former.marker).length >= 5 && processesWith(other.marker).length >= 5);
  former.daemon.kill("SIGKILL");
  await eventually(() => processesWith(former.marker).length === 2);

  const killed = await killStrays([former.bootId, "never-lived"]);
  expect(killed.map(({ hostName }) => hostName)).toEqual([`${former.bootId}:1`, `${former.bootId}:1`]);
  await eventually(() => processesWith(former.marker).length === 0);
  expect(await killStrays([former.bootId])).toEqual([]);
  expect(processesWith(other.marker).length).toBeGreaterThanOrEqual(5);

  other.daemon.kill("SIGKILL");
  await eventually(() => processesWith(other.marker).length === 2);
  await killStrays([other.bootId]);
  await eventually(() => processesWith(other.marker).length === 0);
});
