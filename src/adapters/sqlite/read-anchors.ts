import type { AnchorRecord } from "../../domain/anchor.ts";
import type { Json } from "../../kernel/json.ts";
import type { AnchorStore } from "../../ports/store.ts";
import type { Database } from "./open.ts";
import { storedJson } from "./stored-values.ts";

const COLUMNS = `one.origin, one.name, kind, one.size, state, attempts, at, next_at AS nextAt, progress, receipt, error`;
/** One step of the index a name: a log may have as many lines as there are tens of minutes in ten years, and a handful of names. */
const NAMES = `WITH RECURSIVE names (name) AS (
    SELECT min(name) FROM anchors WHERE origin = @origin
    UNION ALL
    SELECT (SELECT min(name) FROM anchors WHERE origin = @origin AND name > names.name) FROM names WHERE name IS NOT NULL
  )`;

// CROSS JOIN keeps the order of the two, and the plus keeps to the primary key: without statistics both are guessed wrong.
const anchoredOf = (condition: string, order: "ASC" | "DESC") =>
  `SELECT ${COLUMNS} FROM names CROSS JOIN anchors AS one ON one.origin = @origin AND one.name = names.name AND one.size = (
     SELECT size FROM anchors WHERE origin = @origin AND name = names.name AND +state = 'anchored' ${condition}
     ORDER BY size ${order} LIMIT 1)`;

type AnchorRow = Omit<AnchorRecord, "progress"> & { progress: string };

export function createAnchorStore(db: Database): AnchorStore {
  const readNewest = db.prepare<[{ origin: string }], AnchorRow>(
    `${NAMES} ${anchoredOf("", "DESC")}
     UNION ALL SELECT ${COLUMNS} FROM anchors AS one INDEXED BY unfinished_anchors
       WHERE origin = @origin AND state <> 'anchored'
     ORDER BY name, size`,
  );
  const readOver = db.prepare<[{ origin: string; size: number }], AnchorRow>(
    `${NAMES} ${anchoredOf("AND size >= @size", "ASC")} ORDER BY one.name`,
  );
  const recordOf = (row: AnchorRow): AnchorRecord => ({ ...row, progress: storedJson(row.progress) as Json });
  return {
    async anchors(origin) {
      return readNewest.all({ origin }).map(recordOf);
    },
    async anchorsOver(origin, size) {
      return readOver.all({ origin, size }).map(recordOf);
    },
  };
}
