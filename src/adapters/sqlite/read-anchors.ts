import type { AnchorRecord } from "../../domain/anchor.ts";
import type { Json } from "../../kernel/json.ts";
import type { AnchorStore } from "../../ports/store.ts";
import type { Database } from "./open.ts";

const SELECT = `SELECT origin, name, kind, size, state, attempts, at, next_at AS nextAt, progress, receipt, error
  FROM anchors AS one`;

type AnchorRow = Omit<AnchorRecord, "progress"> & { progress: string };

export function createAnchorStore(db: Database): AnchorStore {
  const readNewest = db.prepare<[string], AnchorRow>(
    `${SELECT} WHERE origin = ? AND (state <> 'anchored' OR size =
       (SELECT max(size) FROM anchors WHERE origin = one.origin AND name = one.name AND state = 'anchored'))
     ORDER BY name, size`,
  );
  const readOver = db.prepare<[string, number], AnchorRow>(
    `${SELECT} WHERE origin = ? AND state = 'anchored' AND size =
       (SELECT min(size) FROM anchors WHERE origin = one.origin AND name = one.name AND state = 'anchored' AND size >= ?)
     ORDER BY name`,
  );
  const recordOf = (row: AnchorRow): AnchorRecord => ({ ...row, progress: JSON.parse(row.progress) as Json });
  return {
    async anchors(origin) {
      return readNewest.all(origin).map(recordOf);
    },
    async anchorsOver(origin, size) {
      return readOver.all(origin, size).map(recordOf);
    },
  };
}
