import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createArtifacts, sweepArtifactTemps } from "../../src/adapters/filesystem/artifacts.ts";
import { sweepWorkFolders } from "../../src/adapters/filesystem/work-folders.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { tempFolder } from "../support/temp-folder.ts";

describe("artifacts", () => {
  test("are files by the digest of their bytes; the same bytes are one file, also when put at once", async () => {
    const root = join(tempFolder(), "artifacts");
    const artifacts = createArtifacts(root);
    const bytes = Buffer.from("some output");
    const expected = { digest: sha256(bytes), size: bytes.length };
    expect(await Promise.all(Array.from({ length: 8 }, () => artifacts.put(bytes)))).toEqual(Array(8).fill(expected));
    expect(readdirSync(root)).toEqual([expected.digest]);
    expect(statSync(artifacts.path(expected.digest)).mode & 0o777).toBe(0o600);
    expect(await artifacts.get(expected.digest)).toEqual(bytes);
  });

  test("that are not there, or are no digests, are undefined", async () => {
    const root = tempFolder();
    writeFileSync(join(root, "secret"), "x");
    const artifacts = createArtifacts(join(root, "artifacts"));
    expect(await artifacts.get(sha256("x"))).toBeUndefined();
    expect(await artifacts.get("../secret")).toBeUndefined();
  });

  test("a failed put leaves nothing behind and can be repeated", async () => {
    const root = join(tempFolder(), "artifacts");
    const artifacts = createArtifacts(root);
    // A folder in the artifact's place makes the rename fail.
    mkdirSync(artifacts.path(sha256("a")), { recursive: true });
    await expect(artifacts.put(Buffer.from("a"))).rejects.toThrow();
    expect(readdirSync(root)).toEqual([sha256("a")]);
  });

  test("the sweep deletes what nobody needs, but nothing that was put lately", async () => {
    const artifacts = createArtifacts(join(tempFolder(), "artifacts"));
    const [kept, dropped] = [await artifacts.put(Buffer.from("kept")), await artifacts.put(Buffer.from("dropped"))];
    const keep = new Set([kept.digest]);
    expect(await artifacts.sweep(keep)).toBe(0);
    const late = await artifacts.put(Buffer.from("late"));
    expect(await artifacts.sweep(keep)).toBe(1);
    expect(await artifacts.get(dropped.digest)).toBeUndefined();
    expect(await artifacts.get(late.digest)).toBeDefined();
    expect(await artifacts.sweep(keep)).toBe(1);
    expect(await artifacts.get(late.digest)).toBeUndefined();
    expect(await artifacts.get(kept.digest)).toBeDefined();
  });

  test("what a killed daemon left half written is removed at the next start", async () => {
    const root = tempFolder();
    const artifacts = createArtifacts(root);
    const { digest } = await artifacts.put(Buffer.from("whole"));
    writeFileSync(join(root, `.${sha256("x")}.1`), "half");
    await sweepArtifactTemps(root);
    expect(readdirSync(root)).toEqual([digest]);
    await sweepArtifactTemps(join(root, "not-there"));
  });
});

describe("work folders", () => {
  test("are removed when nothing in them changed for long and their process is gone", async () => {
    const root = tempFolder();
    const make = (name: string, changedAt: number) => {
      mkdirSync(join(root, name, "1"), { recursive: true });
      for (const path of [join(root, name, "1"), join(root, name)])
        utimesSync(path, changedAt / 1000, changedAt / 1000);
    };
    make("boot-1", 1_000_000);
    make("boot-2", 1_000_000);
    make("boot-3", 9_000_000);
    utimesSync(join(root, "boot-3"), 1_000, 1_000);
    expect(await sweepWorkFolders(root, 5_000_000, (name) => name === "boot-2")).toBe(1);
    expect(readdirSync(root).sort()).toEqual(["boot-2", "boot-3"]);
    expect(await sweepWorkFolders(join(root, "not-there"), 5_000_000, () => false)).toBe(0);
  });
});
