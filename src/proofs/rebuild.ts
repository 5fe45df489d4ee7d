import { isSigned, type SignedStatement } from "../domain/sealed-statement.ts";
import type { StoredStatement } from "../domain/tlog.ts";
import type { ProofFile, ProofSink } from "../ports/proof-sink.ts";
import type { TlogStore } from "../ports/store.ts";

export interface RebuildOptions {
  store: Pick<TlogStore, "statements" | "statementFiles" | "writtenFiles">;
  sink: Pick<ProofSink, "missing" | "write">;
  /** The files of statements that are in a signed head. */
  textsOf(statements: readonly SignedStatement<StoredStatement>[]): Promise<readonly ProofFile[]>;
  /** The last statement whose file a former life has written. */
  through: number;
  isStopping(): boolean;
}

const BATCH = 256;

/**
 * Writes the files that were written once and are not there any more, newest first; those that power loss could have taken or
 * torn are compared, too. Resolves to how many were missing.
 */
export async function rebuildMissingFiles(options: RebuildOptions): Promise<number> {
  const { store, sink, textsOf, isStopping } = options;
  const { synced } = await store.writtenFiles();
  let count = 0;
  let before = options.through + 1;
  while (!isStopping()) {
    const known = await store.statementFiles(before, BATCH);
    if (known.length === 0) break;
    before = known.at(-1)!.id;
    const missing = new Set(await sink.missing(known.map(({ file }) => file)));
    const ids = known.filter(({ id, file }) => id > synced || missing.has(file)).map(({ id }) => id);
    if (ids.length > 0) {
      const files = await textsOf((await store.statements(ids)).filter(isSigned));
      await sink.write(files);
      count += files.filter(({ name }) => missing.has(name)).length;
    }
    // The store may answer without leaving the event loop; runs must not wait for a long past.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return count;
}
