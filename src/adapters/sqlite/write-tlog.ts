import type { Change, Verdict } from "../../domain/change.ts";
import type { SealedStatement } from "../../domain/sealed-statement.ts";
import type { Tlog, TlogHead } from "../../domain/tlog.ts";
import type { Database } from "./open.ts";
import { READ_FIRST_UNSIGNED, READ_LAST_HEAD } from "./read-tlog.ts";
import { accepted, refused } from "./verdict.ts";

/** What is not signed yet is stored with an empty signature. */
export const INSERT_STATEMENT =
  "INSERT INTO statements (file, statement, signature, key_id) VALUES (?, ?, coalesce(?, ''), ?)";

/** The statements that write the order of the transparency log. Each method runs inside the savepoint of one change. */
export function createTlogWriter(db: Database) {
  const readTlog = db.prepare<[], Tlog>(
    "SELECT origin, first_statement AS firstStatement FROM tlogs ORDER BY first_statement DESC LIMIT 1",
  );
  const isKnown = db.prepare<[string], number>("SELECT 1 FROM tlogs WHERE origin = ?").pluck();
  const readLastHead = db.prepare<[string], TlogHead>(READ_LAST_HEAD);
  const readLastId = db.prepare<[], number>("SELECT coalesce(max(id), 0) FROM statements").pluck();
  const insertTlog = db.prepare(
    "INSERT INTO tlogs (origin, vkey, first_statement, opened_at, minimum_index) VALUES (?, ?, ?, ?, ?)",
  );
  const insertHead = db.prepare(
    "INSERT INTO tlog_heads (origin, size, checkpoint) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const insertStatement = db.prepare(INSERT_STATEMENT);
  const insertAt = db.prepare(
    "INSERT INTO statements (id, file, statement, signature, key_id) VALUES (?, ?, ?, coalesce(?, ''), ?)",
  );
  const sign = db.prepare<[string, number]>("UPDATE statements SET signature = ? WHERE id = ? AND signature = ''");
  const readFirstUnsigned = db.prepare<[], number | null>(READ_FIRST_UNSIGNED).pluck();
  const changeKey = db.prepare<[string]>("UPDATE statements SET key_id = ? WHERE signature = ''");
  const isTaken = db.prepare<[number], number>("SELECT 1 FROM statements WHERE id = ?").pluck();
  // Through negative ids: moved up one by one, each would meet the next one's.
  const moveUp = [
    ["statements", "id"],
    ["proofs", "statement_id"],
    ["unwritten_files", "statement_id"],
  ].map(([table, id]) => ({
    aside: db.prepare<[number]>(`UPDATE ${table} SET ${id} = -(${id} + 1) WHERE ${id} >= ?`),
    back: db.prepare<[]>(`UPDATE ${table} SET ${id} = -${id} WHERE ${id} < 0`),
  }));
  const raiseThrough = db.prepare("UPDATE written_files SET through = max(through, ?)");
  const lowerBoth = db.prepare<[number, number]>(
    "UPDATE written_files SET through = min(through, ?), synced = min(synced, ?)",
  );
  const raiseSynced = db.prepare("UPDATE written_files SET synced = max(synced, min(through, ?))");
  const raiseMinimum = db.prepare("UPDATE tlogs SET minimum_index = max(minimum_index, ?) WHERE origin = ?");
  const deleteStatements = db.prepare(
    `DELETE FROM statements WHERE id < min(?, (SELECT first_statement + minimum_index FROM tlogs
      ORDER BY first_statement DESC LIMIT 1))`,
  );
  const addUnwritten = db.prepare("INSERT INTO unwritten_files VALUES (?) ON CONFLICT DO NOTHING");
  const removeUnwritten = db.prepare("DELETE FROM unwritten_files WHERE statement_id = ?");

  /** Puts a statement where its id says, before what is there. */
  function insertBefore(id: number, { file, statement, signature, keyId }: SealedStatement & { file: string }): void {
    if (isTaken.get(id)) {
      for (const { aside, back } of moveUp) {
        aside.run(id);
        back.run();
      }
    }
    insertAt.run(id, file, statement, signature, keyId);
  }

  return {
    open(
      { origin, vkey, firstStatement, openedAt, minimumIndex }: Tlog,
      opening: SealedStatement & { file: string },
    ): Verdict {
      if (isKnown.get(origin)) return refused("exists", `there is a log of ${origin}`);
      const former = readTlog.get();
      const formerEnd = former ? former.firstStatement + (readLastHead.get(former.origin)?.size ?? 1) : 1;
      if (firstStatement < formerEnd || firstStatement > readLastId.get()! + 1) {
        return refused("stale", `a log cannot begin with statement ${firstStatement}`);
      }
      insertBefore(firstStatement, opening);
      lowerBoth.run(firstStatement - 1, firstStatement - 1);
      insertTlog.run(origin, vkey, firstStatement, openedAt, minimumIndex);
      return accepted;
    },

    add({ file, statement, signature, keyId }: SealedStatement & { file: string }): Verdict {
      insertStatement.run(file, statement, signature, keyId);
      return accepted;
    },

    sign({ signatures }: Extract<Change, { type: "sign_statements" }>): Verdict {
      for (const { id, signature } of signatures) {
        if (sign.run(signature, id).changes === 1) continue;
        return isTaken.get(id)
          ? refused("exists", `statement ${id} is signed already`)
          : refused("missing", `there is no statement ${id}`);
      }
      return accepted;
    },

    changeKey({ keyId, note }: Extract<Change, { type: "change_key" }>): Verdict {
      changeKey.run(keyId);
      if (!note) return accepted;
      const next = readFirstUnsigned.get() ?? readLastId.get()! + 1;
      insertBefore(Math.max(next, (readTlog.get()?.firstStatement ?? 0) + 1), note);
      return accepted;
    },

    signed(origin: string, { size, checkpoint }: TlogHead): Verdict {
      if (!isKnown.get(origin)) return refused("missing", `there is no log of ${origin}`);
      insertHead.run(origin, size, checkpoint);
      return accepted;
    },

    pruned(origin: string, minimumIndex: number): Verdict {
      if (raiseMinimum.run(minimumIndex, origin).changes === 1) return accepted;
      return refused("missing", `there is no log of ${origin}`);
    },

    deleteStatements(before: number): Verdict {
      deleteStatements.run(before);
      return accepted;
    },

    filesWritten({ through, failed, mended }: Extract<Change, { type: "files_written" }>): Verdict {
      for (const id of failed) addUnwritten.run(id);
      for (const id of mended) removeUnwritten.run(id);
      raiseThrough.run(through);
      return accepted;
    },

    filesSynced(through: number): Verdict {
      raiseSynced.run(through);
      return accepted;
    },
  };
}
