import type { LogEntry } from "../../domain/bundle.ts";
import type { SignedStatement } from "../../domain/sealed-statement.ts";
import type { StoredStatement, Tlog } from "../../domain/tlog.ts";
import { CascadeError } from "../../kernel/errors.ts";
import type { TlogStore } from "../../ports/store.ts";
import type { TlogFiles } from "../../ports/tlog-files.ts";
import type { LeafMaker } from "./leaf-maker.ts";
import { hashLeaf, verifyInclusion } from "./merkle.ts";
import { signedEntries } from "./signed-entries.ts";

export interface FormerEntriesPorts {
  store: Pick<TlogStore, "headOver">;
  files: Pick<TlogFiles, "readAside">;
  leafOf: LeafMaker;
}

/**
 * The entries of statements in logs that another one took the place of. Nobody has checked what was set aside, and often it was
 * because its files were damaged: an entry that does not lead to its signed head is undefined, as if it were not there.
 */
export async function formerEntries(
  statements: readonly SignedStatement<StoredStatement>[],
  logs: readonly Tlog[],
  { store, files, leafOf }: FormerEntriesPorts,
): Promise<(LogEntry | undefined)[]> {
  const entries: (LogEntry | undefined)[] = [];
  for (const statement of statements) {
    const log = logs.findLast(({ firstStatement }) => firstStatement <= statement.id);
    const read = (path: string) => files.readAside(log!.origin, path);
    const found = log && (await entryIn(log, statement, { store, files: { read }, leafOf }));
    entries.push(found && leadsToItsHead(found) ? found : undefined);
  }
  return entries;
}

async function entryIn(
  log: Tlog,
  statement: SignedStatement<StoredStatement>,
  ports: Parameters<typeof signedEntries>[2],
): Promise<LogEntry | undefined> {
  try {
    return (await signedEntries([statement], log, ports))[0];
  } catch (error) {
    if (error instanceof CascadeError && error.code === "TLOG_DAMAGED") return undefined;
    throw error;
  }
}

function leadsToItsHead({ body, index, size, path, root }: LogEntry): boolean {
  const bytes = (text: string) => Buffer.from(text, "base64");
  const proof = { leafHash: hashLeaf(bytes(body)), index, size, path: path.map(bytes), root: bytes(root) };
  return verifyInclusion(proof) === undefined;
}
