import type { StoredStatement, Tlog, TlogHead } from "../../domain/tlog.ts";
import type { TlogStore } from "../../ports/store.ts";
import type { Database } from "./open.ts";

const SELECT_STATEMENT =
  "SELECT id, file, statement, nullif(signature, '') AS signature, key_id AS keyId FROM statements";
const SELECT_TLOG = `SELECT origin, vkey, first_statement AS firstStatement, opened_at AS openedAt, minimum_index AS minimumIndex
  FROM tlogs ORDER BY first_statement`;
export const READ_FIRST_UNSIGNED = "SELECT min(id) FROM statements WHERE signature = ''";
export const READ_LAST_HEAD = "SELECT size, checkpoint FROM tlog_heads WHERE origin = ? ORDER BY size DESC LIMIT 1";

export function createTlogStore(db: Database): TlogStore {
  const readTlogs = db.prepare<[], Tlog>(SELECT_TLOG);
  const readLastHead = db.prepare<[string], TlogHead>(READ_LAST_HEAD);
  const readHeadOver = db.prepare<[string, number], TlogHead>(
    "SELECT size, checkpoint FROM tlog_heads WHERE origin = ? AND size >= ? ORDER BY size LIMIT 1",
  );
  const readLastId = db.prepare<[], number>("SELECT coalesce(max(id), 0) FROM statements").pluck();
  const readAfter = db.prepare<[number, number], StoredStatement>(
    `${SELECT_STATEMENT} WHERE id > ? ORDER BY id LIMIT ?`,
  );
  const readFirstId = db.prepare<[], number>("SELECT coalesce(min(id), 0) FROM statements").pluck();
  const readFirstUnsigned = db.prepare<[], number | null>(READ_FIRST_UNSIGNED).pluck();
  const readSome = db.prepare<[string], StoredStatement>(
    `${SELECT_STATEMENT} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id`,
  );
  const readFiles = db.prepare<[number, number], { id: number; file: string }>(
    "SELECT id, file FROM statements WHERE id < ? ORDER BY id DESC LIMIT ?",
  );
  const readWritten = db.prepare<[], { through: number; synced: number }>("SELECT through, synced FROM written_files");
  const readUnwritten = db
    .prepare<[], number>("SELECT statement_id FROM unwritten_files ORDER BY statement_id")
    .pluck();
  return {
    async tlog() {
      return readTlogs.all().at(-1);
    },
    async tlogs() {
      return readTlogs.all();
    },
    async lastHead(origin) {
      return readLastHead.get(origin);
    },
    async headOver(origin, size) {
      return readHeadOver.get(origin, size);
    },
    async lastStatementId() {
      return readLastId.get()!;
    },
    async firstStatementId() {
      return readFirstId.get()!;
    },
    async firstUnsignedId() {
      return readFirstUnsigned.get() ?? 0;
    },
    async statementsAfter(id, limit) {
      return readAfter.all(id, limit);
    },
    async statements(ids) {
      return readSome.all(JSON.stringify(ids));
    },
    async statementFiles(before, limit) {
      return readFiles.all(before, limit);
    },
    async writtenFiles() {
      return { ...readWritten.get()!, except: readUnwritten.all() };
    },
  };
}
