import BetterSqlite3 from "better-sqlite3";
import { join } from "node:path";

/** Reads the daemon's database beside it, or after it. */
export function readRows<Row>(data: string, sql: string, ...values: readonly unknown[]): Row[] {
  const db = new BetterSqlite3(databaseOf(data), { readonly: true });
  try {
    return db.prepare(sql).all(...values) as Row[];
  } finally {
    db.close();
  }
}

export function databaseOf(data: string): string {
  return join(data, "cascade.db");
}
