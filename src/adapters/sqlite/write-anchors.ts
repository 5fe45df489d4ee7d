import type { AnchorRecord } from "../../domain/anchor.ts";
import type { Verdict } from "../../domain/change.ts";
import type { Database } from "./open.ts";
import { accepted, refused } from "./verdict.ts";

/** Writes how far anchors are, inside the savepoint of one change. */
export function createAnchorWriter(db: Database): (record: AnchorRecord) => Verdict {
  const isKnown = db.prepare<[string], number>("SELECT 1 FROM tlogs WHERE origin = ?").pluck();
  const removeUnfinished = db.prepare("DELETE FROM anchors WHERE origin = ? AND name = ? AND state <> 'anchored'");
  const insert = db.prepare(
    `INSERT OR REPLACE INTO anchors (origin, name, size, kind, state, attempts, at, next_at, progress, receipt, error)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  return ({ origin, name, size, kind, state, attempts, at, nextAt, progress, receipt, error }) => {
    if (!isKnown.get(origin)) return refused("missing", `there is no log of ${origin}`);
    removeUnfinished.run(origin, name);
    insert.run(origin, name, size, kind, state, attempts, at, nextAt, JSON.stringify(progress), receipt, error);
    return accepted;
  };
}
