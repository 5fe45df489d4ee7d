import { statSync } from "node:fs";
import type { Life, Store } from "../../ports/store.ts";
import { createCommit } from "./commit.ts";
import { storageError } from "./errors.ts";
import { checkIntegrity } from "./integrity.ts";
import { type Database, openDatabase, type OpenOptions, openReadOnly } from "./open.ts";
import { createAnchorStore } from "./read-anchors.ts";
import { createProofStore } from "./read-proofs.ts";
import { createRegistryStore } from "./read-registry.ts";
import { createRunStore } from "./read-runs.ts";
import { createTlogStore } from "./read-tlog.ts";

/** Opens the store for the daemon that holds the data folder's lock. */
export function openStore(options: OpenOptions): Store {
  return createStore(openDatabase(options), options.file);
}

/** Opens the store of a data folder for reading, beside a living daemon or without one. `commit` is refused by the database. */
export function openStoreReadOnly(file: string): Store {
  return createStore(openReadOnly(file), file);
}

function createStore(db: Database, file: string): Store {
  const commit = createCommit(db);
  return {
    ...createRunStore(db),
    ...createRegistryStore(db),
    ...createProofStore(db),
    ...createTlogStore(db),
    ...createAnchorStore(db),
    ...createLifeStore(db, file),
    async commit(changes) {
      return commit(changes);
    },
  };
}

function createLifeStore(db: Database, file: string) {
  const readLives = db.prepare<[], Life>(
    "SELECT boot_id AS bootId, started_at AS startedAt, ended_at AS endedAt FROM lives ORDER BY started_at DESC LIMIT 10",
  );
  const beginLife = db.prepare("INSERT INTO lives (boot_id, started_at) VALUES (?, ?)");
  const endLife = db.prepare("UPDATE lives SET ended_at = ? WHERE boot_id = ?");
  const write = <Result>(action: () => Result): Result => {
    try {
      return action();
    } catch (error) {
      throw storageError(error);
    }
  };
  return {
    async beginLife(bootId: string, at: number) {
      return write(() => {
        const former = readLives.all();
        beginLife.run(bootId, at);
        return former;
      });
    },
    async endLife(bootId: string, at: number) {
      write(() => endLife.run(at, bootId));
    },
    checkIntegrity: () => checkIntegrity(file),
    async compact() {
      write(() => db.pragma("wal_checkpoint(TRUNCATE)"));
    },
    async size() {
      return statSync(file).size + (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0);
    },
    async close() {
      db.close();
    },
  };
}
