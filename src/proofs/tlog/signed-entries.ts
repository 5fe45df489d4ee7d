import type { LogEntry } from "../../domain/bundle.ts";
import type { SignedStatement } from "../../domain/sealed-statement.ts";
import type { StoredStatement, Tlog, TlogHead } from "../../domain/tlog.ts";
import type { TlogStore } from "../../ports/store.ts";
import type { TlogFiles } from "../../ports/tlog-files.ts";
import type { LeafMaker } from "./leaf-maker.ts";
import { createEntryMaker } from "./log-entry.ts";
import { inclusionPath, type NodeReader } from "./merkle.ts";
import { parseVkey } from "./note.ts";
import { tileNodes } from "./tiles.ts";

export interface SignedEntriesPorts {
  store: Pick<TlogStore, "headOver">;
  files: Pick<TlogFiles, "read">;
  leafOf: LeafMaker;
}

/**
 * The entries of statements, in their order, under the head that covered each of them first: whenever they are made, they are
 * the same. Undefined for a statement that is in no signed head of this log, or pruned from it.
 */
export async function signedEntries(
  statements: readonly SignedStatement<StoredStatement>[],
  tlog: Tlog,
  { store, files, leafOf }: SignedEntriesPorts,
): Promise<(LogEntry | undefined)[]> {
  const key = parseVkey(tlog.vkey);
  let head: (TlogHead & { nodes: NodeReader }) | undefined;
  const entries: (LogEntry | undefined)[] = [];
  for (const statement of statements) {
    const index = statement.id - tlog.firstStatement;
    const isHeld = index >= tlog.minimumIndex;
    if (!head || head.size <= index) {
      const found = !isHeld ? undefined : await store.headOver(tlog.origin, index + 1);
      head = found && { ...found, nodes: tileNodes(found.size, (path) => files.read(path)) };
    }
    if (!head || !isHeld) {
      entries.push(undefined);
      continue;
    }
    const path = await inclusionPath(index, head.size, head.nodes);
    entries.push(createEntryMaker(key, head)(index, leafOf(statement), path));
  }
  return entries;
}
