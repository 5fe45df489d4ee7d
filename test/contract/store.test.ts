import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openStore } from "../../src/adapters/sqlite/store.ts";
import { openDatabase } from "../../src/adapters/sqlite/open.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { createUnrulyStore } from "../support/unruly-store.ts";
import { describeStore } from "./store.contract.ts";

async function openSqlite() {
  const store = openStore({ file: join(tempFolder(), "cascade.db"), now: 1, crashPoint: noCrashPoint });
  onTestFinished(() => store.close());
  return store;
}

describe("the SQLite store", () => {
  describeStore(openSqlite);

  it("syncs every commit to the disk", () => {
    const db = openDatabase({ file: join(tempFolder(), "cascade.db"), now: 1, crashPoint: noCrashPoint });
    onTestFinished(() => void db.close());
    expect(db.pragma("synchronous", { simple: true })).toBe(2);
    expect(db.pragma("journal_mode", { simple: true })).toBe("wal");
    expect(db.pragma("foreign_keys", { simple: true })).toBe(1);
  });
});

for (const seed of [1, 2, 3]) {
  describe(`an unruly store (seed ${seed})`, () => {
    describeStore(async () => createUnrulyStore(await openSqlite(), seed));
  });
}
