import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readRegularFile } from "../../src/kernel/regular-file.ts";
import { tempFolder } from "../support/temp-folder.ts";

test("a regular file within its limit is read; of anything else only what it is becomes known", async () => {
  const folder = tempFolder();
  const at = (name: string) => join(folder, name);
  writeFileSync(at("file"), "12345");
  writeFileSync(at("empty"), "");
  symlinkSync(at("file"), at("link"));
  symlinkSync("/dev/zero", at("device"));
  mkdirSync(at("folder"));
  execFileSync("mkfifo", [at("pipe")]);

  expect(await readRegularFile(at("file"), 5)).toEqual({ kind: "bytes", bytes: Buffer.from("12345") });
  expect(await readRegularFile(at("empty"), 0)).toEqual({ kind: "bytes", bytes: Buffer.alloc(0) });
  expect(await readRegularFile(at("file"), 4)).toEqual({ kind: "too_large", size: 5 });
  expect(await readRegularFile(at("nothing"), 5)).toEqual({ kind: "absent" });
  expect(await readRegularFile(join(at("file"), "x"), 5)).toEqual({ kind: "failed", code: "ENOTDIR" });
  for (const [name, is] of [
    ["link", "a symbolic link"],
    ["device", "a symbolic link"],
    ["folder", "a folder"],
    ["pipe", "a named pipe"],
  ] as const) {
    expect(await readRegularFile(at(name), 5)).toEqual({ kind: "not_regular", is });
  }
  expect(await readRegularFile("/dev/zero", 5)).toEqual({ kind: "not_regular", is: "a device" });
  // It says that it is empty, and is not.
  expect(await readRegularFile("/proc/self/status", 100_000)).toMatchObject({ kind: "failed" });
});
