import { wholeHistory } from "../../domain/implied.ts";
import { isRunEnded, type RunId, runStates } from "../../domain/run.ts";
import type { HistoryEntry } from "../../domain/run-change.ts";
import type { SnapshotContent } from "../../domain/snapshot.ts";
import type { Page, PageRequest, RunFilter, RunStore, RunSummary } from "../../ports/store.ts";
import type { Database } from "./open.ts";
import {
  type AttemptRow,
  checkedSnapshot,
  createDigestCache,
  headOf,
  type RunRow,
  runOf,
  summaryOf,
  type TaskRunRow,
  triggerOf,
} from "./run-rows.ts";
import { storedObject, storedRow } from "./stored-values.ts";

/** Ids are hexadecimal, so every one of them is below a tilde. */
const AFTER_EVERY_ID = "~";
/** Of so many of the oldest ended runs, the expired ones are found; a run that has outlived its neighbours follows later. */
const EXPIRY_WINDOW = 1_000;

export function createRunStore(
  db: Database,
): RunStore & { snapshot(digest: string): Promise<SnapshotContent | undefined> } {
  const readSnapshot = db.prepare<[string], string>("SELECT content FROM snapshots WHERE digest = ?").pluck();
  const readRun = db.prepare<[string], RunRow>("SELECT * FROM runs WHERE id = ?");
  const readTasks = db.prepare<[string], TaskRunRow>("SELECT * FROM task_runs WHERE run_id = ?");
  const readAttempts = db.prepare<[string], AttemptRow>(
    "SELECT * FROM attempts WHERE run_id = ? ORDER BY task, number",
  );
  // Three queries for all of them: a start after a crash finds ten thousand, and a query each would cost as much as the rest.
  const readUnfinished = db.prepare<[], RunRow>("SELECT * FROM runs WHERE ended_at IS NULL ORDER BY id");
  const unfinishedIds = "(SELECT id FROM runs WHERE ended_at IS NULL)";
  const readUnfinishedTasks = db.prepare<[], TaskRunRow>(`SELECT * FROM task_runs WHERE run_id IN ${unfinishedIds}`);
  const readUnfinishedAttempts = db.prepare<[], AttemptRow>(
    `SELECT * FROM attempts WHERE run_id IN ${unfinishedIds} ORDER BY run_id, task, number`,
  );
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
  // Runs end about in the order in which they were created: among the oldest are those that may go, if any.
  const readExpired = db.prepare<[number, string, number], { id: string; createdAt: number }>(
    `SELECT oldest.id, oldest.created_at AS createdAt
      FROM (SELECT id, created_at, ended_at FROM runs WHERE ended_at IS NOT NULL ORDER BY id LIMIT ${EXPIRY_WINDOW}) AS oldest
      JOIN proofs ON proofs.run_id = oldest.id
      WHERE proofs.statement_id <= (SELECT through FROM written_files)
        AND NOT EXISTS (SELECT 1 FROM unwritten_files WHERE unwritten_files.statement_id = proofs.statement_id)
        AND (oldest.ended_at < ? OR oldest.id <= ?)
      ORDER BY oldest.id LIMIT ?`,
  );
  const readBeyond = db
    .prepare<[number], string>("SELECT id FROM runs WHERE ended_at IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET ?")
    .pluck();
  /** Finding it means to go through all runs that are kept; it stays right while older runs are deleted, batch by batch. */
  let beyond = { keep: -1, id: "" };

  const readArtifacts = db
    .prepare<[], string>(
      `SELECT output_digest FROM task_runs WHERE output_digest IS NOT NULL
        UNION SELECT recording FROM attempts WHERE recording IS NOT NULL`,
    )
    .pluck();

  const contentOf = (digest: string): SnapshotContent | undefined => {
    const text = readSnapshot.get(digest);
    return text === undefined ? undefined : storedObject<SnapshotContent>(text);
  };
  const snapshotOfDigest = createDigestCache((digest) => {
    const content = contentOf(digest);
    return content && checkedSnapshot(digest, content);
  });
  // A list names packages only, and drift goes through it to say which snapshot is not what it was.
  const listedContent = createDigestCache(contentOf);
  const knownSnapshot = (digest: string) => storedRow(snapshotOfDigest(digest), `the snapshot ${digest}`);

  const listUnfinished = db.prepare<[string, string | null, string, number], RunRow>(
    `SELECT runs.* FROM runs INDEXED BY runs_unfinished WHERE ended_at IS NULL AND id < ?
      AND workflow = coalesce(?, workflow) AND state IN (SELECT value FROM json_each(?)) ORDER BY id DESC LIMIT ?`,
  );
  const listEnded = db.prepare<[string, string, number], RunRow>(
    "SELECT * FROM runs INDEXED BY runs_by_state WHERE ended_at IS NOT NULL AND state = ? AND id < ? ORDER BY id DESC LIMIT ?",
  );
  const listEndedOf = db.prepare<[string, string, string, number], RunRow>(
    `SELECT * FROM runs INDEXED BY runs_by_workflow
      WHERE ended_at IS NOT NULL AND workflow = ? AND state = ? AND id < ? ORDER BY id DESC LIMIT ?`,
  );

  /**
   * The newest of each wanted state from that state's own index, then the newest of those: the cost is that of the page,
   * however many runs there are and however rare the state is. Of unfinished runs, few as they are, one index serves all.
   */
  function list({ workflow, state = [] }: RunFilter, { limit, cursor }: PageRequest): Page<RunSummary> {
    const wanted = state.length > 0 ? state : runStates;
    const unfinished = wanted.filter((one) => !isRunEnded(one));
    const [before, most] = [cursor ?? AFTER_EVERY_ID, limit + 1];
    const rows = wanted
      .filter(isRunEnded)
      .flatMap((one) =>
        workflow === undefined ? listEnded.all(one, before, most) : listEndedOf.all(workflow, one, before, most),
      );
    if (unfinished.length > 0)
      rows.push(...listUnfinished.all(before, workflow ?? null, JSON.stringify(unfinished), most));
    rows.sort((one, other) => (one.id < other.id ? 1 : -1));
    const items = rows
      .slice(0, limit)
      .map((row) => summaryOf(row, storedRow(listedContent(row.snapshot), `the snapshot ${row.snapshot}`)));
    return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
  }

  return {
    async loadRun(id: RunId) {
      const row = readRun.get(id);
      return row && runOf(row, knownSnapshot(row.snapshot), readTasks.all(id), readAttempts.all(id));
    },
    async unfinishedRuns() {
      const tasks = byRun(readUnfinishedTasks.all());
      const attempts = byRun(readUnfinishedAttempts.all());
      return readUnfinished
        .all()
        .map((row) => runOf(row, knownSnapshot(row.snapshot), tasks.get(row.id) ?? [], attempts.get(row.id) ?? []));
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
      const row = readRun.get(id);
      const written = readHistory.all(id);
      if (!row) return written;
      return wholeHistory({ createdAt: row.created_at, trigger: triggerOf(row), head: headOf(row) }, written);
    },
    async expiredRuns(endedBefore, keep, limit) {
      const known = beyond.keep === keep ? readExpired.all(endedBefore, beyond.id, limit) : [];
      if (known.length > 0) return known;
      beyond = { keep, id: readBeyond.get(keep) ?? "" };
      return readExpired.all(endedBefore, beyond.id, limit);
    },
    async artifactsInUse() {
      return readArtifacts.all();
    },
    async snapshot(digest) {
      return contentOf(digest);
    },
  };
}

function byRun<Row extends { run_id: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.run_id);
    if (group) group.push(row);
    else groups.set(row.run_id, [row]);
  }
  return groups;
}
