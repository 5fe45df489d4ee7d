import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { createKeepers } from "../../src/adapters/filesystem/keepers.ts";
import { tempFolder } from "../support/temp-folder.ts";

function room() {
  const root = tempFolder();
  const keepers = createKeepers({
    runs: join(root, "runs"),
    work: join(root, "work"),
    workInUse: (name) => name === "alive",
  });
  const put = (path: string, seconds: number, size = 10) => {
    const full = join(root, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, "x".repeat(size));
    utimesSync(full, seconds, seconds);
    return full;
  };
  return { root, keepers, put };
}

describe("pruning attempt logs", () => {
  it("deletes those last written before the instant, and the folders that are empty then", async () => {
    const { root, keepers, put } = room();
    const old = put("runs/2026/01/01/run-a/t.1.log", 1_000);
    const young = put("runs/2026/01/02/run-b/t.1.log", 3_000);
    expect(await keepers.pruneLogs(2_000_000, Infinity)).toBe(1);
    expect(existsSync(old)).toBe(false);
    expect(existsSync(young)).toBe(true);
    expect(readdirSync(join(root, "runs/2026/01"))).toEqual(["02"]);
  });

  it("deletes the oldest when all together are too large", async () => {
    const { keepers, put } = room();
    const logs = [1_000, 2_000, 3_000].map((seconds) => put(`runs/2026/01/01/run/t${seconds}.1.log`, seconds, 100));
    expect(await keepers.pruneLogs(0, 250)).toBe(1);
    expect(logs.map((log) => existsSync(log))).toEqual([false, true, true]);
  });

  it("finds nothing to do where no attempt ever wrote", async () => {
    const { keepers } = room();
    expect(await keepers.pruneLogs(Infinity, 0)).toBe(0);
    expect(await keepers.pruneWorkFolders(Infinity)).toBe(0);
  });
});

describe("pruning work folders", () => {
  it("leaves those of living processes and those changed since", async () => {
    const { root, keepers } = room();
    for (const name of ["alive", "dead", "young"]) mkdirSync(join(root, "work", name), { recursive: true });
    for (const name of ["alive", "dead"]) utimesSync(join(root, "work", name), 1_000, 1_000);
    expect(await keepers.pruneWorkFolders(2_000_000)).toBe(1);
    expect(readdirSync(join(root, "work")).sort()).toEqual(["alive", "young"]);
  });
});
