import { readdirSync } from "node:fs";
import type * as fs from "node:fs/promises";
import { expect, test, vi } from "vitest";
import { createCodeStore } from "../../src/adapters/filesystem/code-store.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { tinyPackage } from "../support/tiny-package.ts";

const descriptors = vi.hoisted(() => ({ areOut: false }));
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof fs>();
  const out = Object.assign(new Error("too many open files"), { code: "EMFILE" });
  return {
    ...real,
    rm: async (...args: Parameters<typeof real.rm>) => {
      if (descriptors.areOut) throw out;
      return real.rm(...args);
    },
  };
});

test("what could not be removed while descriptors had run out is gone when they are back", async () => {
  const root = tempFolder();
  const store = createCodeStore({
    root,
    pid: 1,
    crashPoint(name) {
      if (name === "staging-written" && descriptors.areOut) throw new Error("too many open files");
    },
  });
  descriptors.areOut = true;
  for (const version of ["1.0.0", "1.0.1"])
    await expect(store.put(tinyPackage({ version }).content)).rejects.toThrow("too many open files");
  expect(readdirSync(root)).toHaveLength(2);
  descriptors.areOut = false;
  const last = tinyPackage({ version: "1.0.2" });
  await store.put(last.content);
  expect(readdirSync(root)).toEqual([last.identity.digest]);
});
