import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadConfig } from "../../../src/daemon/config-file.ts";
import { createReloader } from "../../../src/daemon/reload.ts";
import type { TrustPolicy } from "../../../src/domain/trust-policy.ts";
import { noCrashPoint } from "../../../src/kernel/crash-points.ts";
import { silentLogger } from "../../../src/kernel/logger.ts";
import { tempFolder } from "../../support/temp-folder.ts";

/** A configuration with a trust policy, and a reloader that tells what it does. */
function reloading(announce: () => Promise<void> = async () => undefined) {
  const folder = tempFolder();
  const file = (name: string) => join(folder, name);
  const trust = (text: string) => writeFileSync(file("trust.toml"), text, { mode: 0o600 });
  writeFileSync(file("cascade.toml"), `trust = "${file("trust.toml")}"\n`);
  trust('[[folder]]\npath = "/strict"\n');
  const source = {
    flags: { watch: [], config: file("cascade.toml") },
    environment: {},
    workingDir: folder,
    home: folder,
    uid: process.getuid!(),
    facts: { processors: 1, timezone: "UTC", packagesDir: file("p"), logsDir: file("l"), trustFile: file("t") },
  };
  const told: string[] = [];
  const shown = (policy: TrustPolicy | null) => policy?.folders[0]?.path ?? "none";
  const reloader = createReloader({
    source,
    started: loadConfig(source),
    logger: silentLogger,
    crashPoint: noCrashPoint,
    async announceTrust(next) {
      told.push(`announced ${shown(next)} while ${shown(reloader.trust())} holds`);
      await announce();
      told.push(`then ${shown(reloader.trust())} still holds`);
    },
    async apply(_, { changed }) {
      told.push(`applied ${changed.map(({ key }) => key).join()} under ${shown(reloader.trust())}`);
    },
  });
  return { reloader, told, trust };
}

it("announces another trust policy before anything is judged by it, and the same one not at all", async () => {
  const { reloader, told, trust } = reloading();
  trust('[[folder]]\npath = "/weak"\nunsigned = "allow"\n');
  await reloader.reload();
  expect(told.splice(0)).toEqual([
    "announced /weak while /strict holds",
    "then /strict still holds",
    "applied trust under /weak",
  ]);
  await reloader.reload();
  expect(told).toEqual(["applied  under /weak"]);
});

it("keeps the policy that holds when the other one cannot be announced", async () => {
  const { reloader, told, trust } = reloading(() => Promise.reject(new Error("the disk is full")));
  trust('[[folder]]\npath = "/weak"\nunsigned = "allow"\n');
  await expect(reloader.reload()).rejects.toThrow("the disk is full");
  expect(told).toEqual(["announced /weak while /strict holds"]);
  expect(reloader.trust()!.folders[0]!.path).toBe("/strict");
  expect(reloader.state()).toMatchObject({
    generation: 1,
    error: { message: expect.stringContaining("disk is full") },
  });
});
