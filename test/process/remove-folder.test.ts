import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { afterEach, beforeEach, expect, test } from "vitest";

/** Root may write everywhere, so it lets nobody do the work. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cascade-remove-"));
});
afterEach(() => {
  spawnSync("chmod", ["-R", "u+rwx", root]);
  rmSync(root, { recursive: true, force: true });
});

/** Calls a function of a module of ours, as a user that is not root. */
function asUser(module: string, call: string): { status: number | null; stderr: string } {
  const file = join(root, "program.mjs");
  buildSync({
    stdin: { contents: `import * as it from ${JSON.stringify(module)};\n${call}`, resolveDir: import.meta.dirname },
    outfile: file,
    bundle: true,
    platform: "node",
    format: "esm",
  });
  const user = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  return spawnSync(process.execPath, [file], { encoding: "utf8", cwd: root, ...user });
}

/** Folders of mode 0555 in each other, a file in the innermost. */
function readOnlyFolder(path: string): void {
  const inner = join(path, "a", "b");
  mkdirSync(inner, { recursive: true });
  writeFileSync(join(inner, "file"), "x");
  for (const each of [inner, join(path, "a"), path]) {
    if (isRoot) chownSync(each, NOBODY, NOBODY);
    if (each !== path) chmodSync(each, 0o555);
  }
}

test("folders that their owner may not write to are removed with all that is in them", () => {
  chmodSync(root, 0o777);
  readOnlyFolder(join(root, "work"));
  const { status, stderr } = asUser("../../src/kernel/remove-folder.ts", 'await it.removeFolder("work/a");');
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(readdirSync(join(root, "work"))).toEqual([]);
});

test("housekeeping goes past a work folder that it cannot remove, and names it", () => {
  chmodSync(root, 0o777);
  const work = join(root, "work");
  for (const name of ["1-stuck", "2-fine", "3-read-only"]) readOnlyFolder(join(work, name));
  if (isRoot) chownSync(work, NOBODY, NOBODY);
  // A file of another user in a folder of another user: only root can make one.
  if (isRoot) for (const path of ["a/b", "a"]) chownSync(join(work, "1-stuck", path), 0, 0);
  const call = `const stuck = [];
const count = await it.sweepWorkFolders("work", Infinity, () => false, (path, error) => stuck.push([path, error.code]));
console.error(JSON.stringify({ count, stuck }));`;
  const { stderr } = asUser("../../src/adapters/filesystem/work-folders.ts", call);
  const stuck = isRoot ? [["work/1-stuck", "EACCES"]] : [];
  expect(JSON.parse(stderr)).toEqual({ count: 3 - stuck.length, stuck });
  expect(existsSync(join(work, "1-stuck"))).toBe(isRoot);
  expect(readdirSync(work)).toEqual(isRoot ? ["1-stuck"] : []);
});

test("what a process has left is removed past what has to stay, and the first error is told", () => {
  chmodSync(root, 0o777);
  const work = join(root, "work");
  for (const name of ["1", "2", "3"]) readOnlyFolder(join(work, name));
  if (isRoot) for (const path of ["a/b", "a"]) chownSync(join(work, "1", path), 0, 0);
  if (isRoot) chownSync(work, NOBODY, NOBODY);
  chmodSync(work, 0o000);
  const call = 'await it.releaseHostFolder("work", new Set([3])).catch((error) => console.error(error.code));';
  const { stderr } = asUser("../../src/adapters/process/host-folder.ts", call);
  expect(stderr).toBe(isRoot ? "EACCES\n" : "");
  expect(readdirSync(work)).toEqual(isRoot ? ["1", "3"] : ["3"]);
});
