import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createCodeStore } from "../../src/adapters/filesystem/code-store.ts";
import type { CrashPointName } from "../../src/kernel/crash-points.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { noDigest, tinyPackage } from "../support/tiny-package.ts";

const pack = tinyPackage({
  assets: { "data/rows.csv": { text: "a;b\n" }, "bin/tool": { text: "#!/bin/sh\n", mode: 0o755 } },
});

function createStore(crashPoint: (name: CrashPointName) => void = () => undefined) {
  const root = tempFolder();
  return { root, store: createCodeStore({ root, pid: 77, crashPoint }), folder: join(root, pack.identity.digest) };
}

test("a package is unpacked under its digest, read-only, with the modes of its manifest, whatever the umask", async () => {
  const { store, folder, root } = createStore();
  const before = process.umask(0o077);
  try {
    await store.put(pack.content);
  } finally {
    process.umask(before);
  }
  expect(sha256(readFileSync(join(folder, "manifest.json")))).toBe(pack.identity.digest);
  expect(readFileSync(join(folder, "assets/data/rows.csv"), "utf8")).toBe("a;b\n");
  const mode = (path: string) => statSync(join(folder, path)).mode & 0o777;
  expect([mode("manifest.json"), mode("bundle.mjs"), mode("assets/bin/tool")]).toEqual([0o444, 0o444, 0o555]);
  expect(readdirSync(root)).toEqual([pack.identity.digest]);
  expect(await store.list()).toEqual([pack.identity.digest]);
  expect([await store.has(pack.identity.digest), await store.has(noDigest)]).toEqual([true, false]);
});

test("the folder has its name only after everything is written", async () => {
  const seen: [CrashPointName, boolean][] = [];
  const world = createStore((name) => void seen.push([name, existsSync(world.folder)]));
  await world.store.put(pack.content);
  expect(seen).toEqual([
    ["staging-written", false],
    ["store-renamed", true],
  ]);
});

test("putting the same package many times at once leaves one folder and no staging", async () => {
  const { store, root } = createStore();
  await Promise.all(Array.from({ length: 5 }, () => store.put(pack.content)));
  await store.put(pack.content);
  expect(readdirSync(root)).toEqual([pack.identity.digest]);
});

test("a put that fails leaves nothing behind", async () => {
  const { store, root, folder } = createStore((name) => {
    if (name === "staging-written") throw new Error("the disk is full");
  });
  await expect(store.put(pack.content)).rejects.toThrow("the disk is full");
  expect(readdirSync(root)).toEqual([]);
  expect(existsSync(folder)).toBe(false);
});

test("a disk that takes no more says so", async () => {
  const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  const { store, root } = createStore(() => {
    throw full;
  });
  await expect(store.put(pack.content)).rejects.toMatchObject({ code: "STORE_FULL", cause: full });
  expect(readdirSync(root)).toEqual([]);
});

test("a file outside its package is never written, whoever lets it pass", async () => {
  const { store, root } = createStore();
  const outside = "../outside.txt";
  const content = {
    ...pack.content,
    manifest: { ...pack.content.manifest, files: [{ path: outside, sha256: noDigest, size: 1, mode: 0o644 }] },
    files: new Map([[outside, Buffer.from("x")]]),
  };
  await expect(store.put(content)).rejects.toThrow("inside the package");
  expect(readdirSync(root)).toEqual([]);
});

test("sweeping removes what an interrupted put left, and nothing else", async () => {
  const { store, root } = createStore();
  await store.put(pack.content);
  mkdirSync(join(root, ".staging-12-1"));
  writeFileSync(join(root, ".staging-12-1", "bundle.mjs"), "x");
  await store.sweepStaging();
  expect(readdirSync(root)).toEqual([pack.identity.digest]);
});

test("removing takes the folder away and may be done twice", async () => {
  const { store, root } = createStore();
  await store.put(pack.content);
  await store.remove(pack.identity.digest);
  await store.remove(pack.identity.digest);
  expect(readdirSync(root)).toEqual([]);
  expect(await store.list()).toEqual([]);
});
