import type { RunId } from "../../domain/run.ts";
import type { HistoryEntry } from "../../domain/run-change.ts";
import type { SnapshotContent } from "../../domain/snapshot.ts";
import { invariant } from "../../kernel/assert.ts";
import type { Page, PageRequest, RunFilter, RunStore, RunSummary } from "../../ports/store.ts";
import type { Database } from "./open.ts";
import { type AttemptRow, createSnapshotCache, type RunRow, runOf, summaryOf, type TaskRunRow } from "./run-rows.ts";

export function createRunStore(
  db: Database,
): RunStore & { snapshot(digest: string): Promise<SnapshotContent | undefined> } {
  const readSnapshot = db.prepare<[string], string>("SELECT content FROM snapshots WHERE digest = ?").pluck();
  const readRun = db.prepare<[string], RunRow>("SELECT * FROM runs WHERE id = ?");
  const readTasks = db.prepare<[string], TaskRunRow>("SELECT * FROM task_runs WHERE run_id = ?");
  const readAttempts = db.prepare<[string], AttemptRow>(
    "SELECT * FROM attempts WHERE run_id = ? ORDER BY task, number",
  );
  const readUnfinished = db.prepare<[], string>("SELECT id FROM runs WHERE ended_at IS NULL ORDER BY id").pluck();
  const readByKey = db.prepare<[string, string], string>("SELECT id FROM runs WHERE workflow = ? AND key = ?").pluck();
  // An ending cannot use an index; the scan stays inside the primary key.
  const readByEnding = db
    .prepare<[{ ending: string; limit: number }], string>(
      "SELECT id FROM runs WHERE substr(id, -length(@ending)) = @ending ORDER BY id DESC LIMIT @limit",
    )
    .pluck();
  const countStates = db.prepare<[], { state: "queued" | "running"; count: number }>(
    "SELECT state, count(*) AS count FROM runs WHERE ended_at IS NULL GROUP BY state",
  );
  const countWaiting = db
    .prepare<[], number>("SELECT count(DISTINCT run_id) FROM task_runs WHERE state = 'waiting'")
    .pluck();
  const readHistory = db.prepare<[string], HistoryEntry>(
    "SELECT at, name, task, attempt, detail FROM run_history WHERE run_id = ? ORDER BY version, position",
  );
  const readExpired = db.prepare<[number, number, number], { id: string; createdAt: number }>(
    `SELECT runs.id, runs.created_at AS createdAt FROM runs JOIN proofs ON proofs.run_id = runs.id
      WHERE runs.ended_at IS NOT NULL AND proofs.state <> 'due'
        AND (runs.ended_at < ? OR runs.id <= coalesce((SELECT id FROM runs WHERE ended_at IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET ?), ''))
      ORDER BY runs.id LIMIT ?`,
  );

  const readArtifacts = db
    .prepare<[], string>("SELECT DISTINCT output_digest FROM task_runs WHERE output_digest IS NOT NULL")
    .pluck();

  const contentOf = (digest: string): SnapshotContent | undefined => {
    const text = readSnapshot.get(digest);
    return text === undefined ? undefined : (JSON.parse(text) as SnapshotContent);
  };
  const snapshotOfDigest = createSnapshotCache(contentOf);
  const knownSnapshot = (digest: string) => {
    const snapshot = snapshotOfDigest(digest);
    invariant(snapshot, `snapshot ${digest} is stored with its runs`);
    return snapshot;
  };

  function list(filter: RunFilter, { limit, cursor }: PageRequest): Page<RunSummary> {
    const conditions = ["1"];
    const values: (string | number)[] = [];
    if (filter.workflow !== undefined) {
      conditions.push("workflow = ?");
      values.push(filter.workflow);
    }
    if (filter.state && filter.state.length > 0) {
      conditions.push(`state IN (${filter.state.map(() => "?").join(", ")})`);
      values.push(...filter.state);
    }
    if (cursor !== null) {
      conditions.push("id < ?");
      values.push(cursor);
    }
    const sql = `SELECT * FROM runs WHERE ${conditions.join(" AND ")} ORDER BY id DESC LIMIT ?`;
    const rows = db.prepare<(string | number)[], RunRow>(sql).all(...values, limit + 1);
    const items = rows.slice(0, limit).map((row) => summaryOf(row, knownSnapshot(row.snapshot)));
    return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
  }

  return {
    async loadRun(id: RunId) {
      const row = readRun.get(id);
      return row && runOf(row, knownSnapshot(row.snapshot), readTasks.all(id), readAttempts.all(id));
    },
    async unfinishedRunIds() {
      return readUnfinished.all();
    },
    async runIdByKey(workflow, key) {
      return readByKey.get(workflow, key);
    },
    async runIdsByEnding(ending, limit) {
      return readByEnding.all({ ending, limit });
    },
    async listRuns(filter, page) {
      return list(filter, page);
    },
    async countUnfinished() {
      const counts = { queued: 0, running: 0, waiting: countWaiting.get() ?? 0 };
      for (const { state, count } of countStates.all()) counts[state] = count;
      return counts;
    },
    async history(id) {
      return readHistory.all(id);
    },
    async expiredRuns(endedBefore, keep, limit) {
      return readExpired.all(endedBefore, keep, limit);
    },
    async artifactsInUse() {
      return readArtifacts.all();
    },
    async snapshot(digest) {
      return contentOf(digest);
    },
  };
}
