import { statSync } from "node:fs";
import type { Proof, ProofPlace, ProofState } from "../../domain/proof.ts";
import type { Life, ProofStore, Store } from "../../ports/store.ts";
import { createCommit } from "./commit.ts";
import { storageError } from "./errors.ts";
import { checkIntegrity } from "./integrity.ts";
import { type Database, openDatabase, type OpenOptions, openReadOnly } from "./open.ts";
import { createRegistryStore } from "./read-registry.ts";
import { createRunStore } from "./read-runs.ts";

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
    ...createLifeStore(db, file),
    async commit(changes) {
      return commit(changes);
    },
  };
}

interface ProofRow {
  run_id: string;
  workflow: string;
  run_number: number;
  previous_proof: string | null;
  statement: string;
  digest: string;
  signature: string;
  key_id: string;
  ended_at: number;
  state: ProofState;
}

function createProofStore(db: Database): ProofStore {
  const readHead = db.prepare<[string], { runNumber: number; digest: string }>(
    "SELECT run_number AS runNumber, digest FROM proof_heads WHERE workflow = ?",
  );
  const readProof = db.prepare<[string], ProofRow>("SELECT * FROM proofs WHERE run_id = ?");
  const readDue = db.prepare<[number], ProofRow>("SELECT * FROM proofs WHERE state = 'due' ORDER BY run_id LIMIT ?");
  const readByNumber = db.prepare<[string, number], ProofRow>(
    "SELECT * FROM proofs WHERE workflow = ? AND run_number = ?",
  );
  const readPlaces = db.prepare<[string, number], ProofPlace>(
    "SELECT run_id AS runId, ended_at AS endedAt FROM proofs WHERE state <> 'due' AND run_id < ? ORDER BY run_id DESC LIMIT ?",
  );
  const stored = (row: ProofRow | undefined) => row && { proof: proofOf(row), state: row.state };
  return {
    async proofHead(workflow) {
      return readHead.get(workflow) ?? { runNumber: 0, digest: null };
    },
    async proof(run) {
      return stored(readProof.get(run));
    },
    async dueProofs(limit) {
      return readDue.all(limit).map(proofOf);
    },
    async proofByNumber(workflow, runNumber) {
      return stored(readByNumber.get(workflow, runNumber));
    },
    async proofPlaces(before, limit) {
      // Ids are hexadecimal, so every one of them is below a tilde.
      return readPlaces.all(before ?? "~", limit);
    },
  };
}

function proofOf(row: ProofRow): Proof {
  return {
    runId: row.run_id,
    workflow: row.workflow,
    runNumber: row.run_number,
    previousProof: row.previous_proof,
    statement: row.statement,
    digest: row.digest,
    signature: row.signature,
    keyId: row.key_id,
    endedAt: row.ended_at,
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
