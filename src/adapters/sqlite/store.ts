import { statSync } from "node:fs";
import type { ClockStep } from "../../kernel/clock.ts";
import type { CascadeError } from "../../kernel/errors.ts";
import type { Life, LifeStore, Store } from "../../ports/store.ts";
import { createCommit } from "./commit.ts";
import { storageError } from "./errors.ts";
import { guarded } from "./guard.ts";
import { checkIntegrity } from "./integrity.ts";
import { type Database, isCheckedOnOpening, openDatabase, type OpenOptions, openReadOnly } from "./open.ts";
import { createAnchorStore } from "./read-anchors.ts";
import { createProofStore } from "./read-proofs.ts";
import { createRegistryStore } from "./read-registry.ts";
import { createRunStore } from "./read-runs.ts";
import { createTlogStore } from "./read-tlog.ts";
import { noteFolded, noteWal } from "./wal-id.ts";

/** Opens the store for the daemon that holds the data folder's lock. */
export function openStore(options: OpenOptions): Store {
  const checked = isCheckedOnOpening(options.file);
  return createStore(openDatabase(options), { file: options.file, checked });
}

/** Opens the store of a data folder for reading, beside a living daemon or without one. `commit` is refused by the database. */
export function openStoreReadOnly(file: string): Store {
  return createStore(openReadOnly(file), { file, checked: false });
}

function createStore(db: Database, { file, checked }: { file: string; checked: boolean }): Store {
  const who = db.readonly ? "reader" : "writer";
  const listeners: ((error: CascadeError) => void)[] = [];
  try {
    const commit = createCommit(db);
    const methods = {
      ...createRunStore(db),
      ...createRegistryStore(db),
      ...createProofStore(db),
      ...createTlogStore(db),
      ...createAnchorStore(db),
      ...createLifeStore(db, { file, checked }),
      commit: async (changes: Parameters<typeof commit>[0]) => commit(changes),
    };
    return {
      ...guarded(methods, { file, who }, (error) => {
        if (db.open) for (const listener of listeners.splice(0)) listener(error);
      }),
      onFailure: (listener) => void listeners.push(listener),
    };
  } catch (error) {
    db.close();
    throw storageError(error, file, who);
  }
}

function createLifeStore(
  db: Database,
  { file, checked }: { file: string; checked: boolean },
): Omit<LifeStore, "onFailure" | "audit"> {
  const readLives = db.prepare<[], Life>(
    "SELECT boot_id AS bootId, started_at AS startedAt, ended_at AS endedAt FROM lives ORDER BY number DESC, started_at DESC LIMIT 10",
  );
  const beginLife = db.prepare(
    "INSERT INTO lives (boot_id, started_at, number) SELECT ?, ?, coalesce(max(number), 0) + 1 FROM lives",
  );
  const readSteps = db.prepare<[], ClockStep>('SELECT until_at AS until, by_ms AS "by" FROM clock_steps ORDER BY id');
  const endLife = db.prepare("UPDATE lives SET ended_at = ? WHERE boot_id = ?");
  return {
    async beginLife(bootId, at) {
      const former = readLives.all();
      beginLife.run(bootId, at);
      noteWal(file);
      return former;
    },
    async endLife(bootId, at) {
      endLife.run(at, bootId);
    },
    async checkIntegrity(depth) {
      if (depth === "full" || !checked) await checkIntegrity(file, depth);
    },
    async clockSteps() {
      return readSteps.all();
    },
    async compact() {
      db.pragma("wal_checkpoint(TRUNCATE)");
    },
    async size() {
      return statSync(file).size + (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0);
    },
    async close() {
      const { readonly } = db;
      db.close();
      if (!readonly) noteFolded(file);
    },
  };
}
