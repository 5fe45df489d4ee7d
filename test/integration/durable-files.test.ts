import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createSyncedWriter } from "../../src/adapters/filesystem/synced-writer.ts";
import { tempFolder } from "../support/temp-folder.ts";

it("puts the same file in its place for many at once, whole for each of them", async () => {
  const folder = tempFolder();
  const writer = createSyncedWriter();
  const path = join(folder, "inner/file");
  const put = (content: string) => writer.replace([{ path, temp: `${path}.tmp`, content }], { durable: true });
  await Promise.all(Array.from({ length: 40 }, (_, index) => put(index % 3 === 0 ? "one" : "other")));
  expect(readFileSync(path, "utf8")).toBe("one");
  expect(readdirSync(join(folder, "inner"))).toEqual(["file"]);
});
