import type { LogEntry } from "../../domain/bundle.ts";
import type { SignedStatement } from "../../domain/sealed-statement.ts";
import type { StoredStatement, Tlog } from "../../domain/tlog.ts";
import { invariant } from "../../kernel/assert.ts";
import { formerEntries } from "./former-entries.ts";
import { createEntryMaker } from "./log-entry.ts";
import { parseVkey } from "./note.ts";
import { type LogPorts, type OpenLog, openLog, recordHead } from "./open-log.ts";
import { signedEntries } from "./signed-entries.ts";

/** The statements of a data folder as leaves of the log that goes on, each with what its proof file says of its place. */
export interface TransparencyLog {
  readonly tlog: Tlog;
  /**
   * The entries of statements in ascending order. What is in no signed head yet is appended first, all of it in one head; it
   * has to be what follows the last leaf. Undefined for those that are pruned, and for those of a former log whose files do not
   * show them any more. After it has rejected, the next call opens the log anew and rejects as `openLog` does.
   */
  entriesOf(statements: readonly SignedStatement<StoredStatement>[]): Promise<readonly (LogEntry | undefined)[]>;
}

/** Opens the log; rejects as `openLog` does. */
export async function openTransparencyLog(ports: LogPorts): Promise<TransparencyLog> {
  let opening: Promise<OpenLog> | undefined = openLog(ports);
  const { tlog } = await opening;
  const key = parseVkey(tlog.vkey);
  const formerLogs = (await ports.store.tlogs()).filter(({ firstStatement }) => firstStatement < tlog.firstStatement);
  const indexOf = ({ id }: StoredStatement) => id - tlog.firstStatement;

  async function append(
    { appender }: OpenLog,
    statements: readonly SignedStatement<StoredStatement>[],
  ): Promise<LogEntry[]> {
    invariant(indexOf(statements[0]!) === appender.size(), "leaves are appended in the order of the statements");
    const bodies = statements.map(ports.leafOf);
    const { head, growth } = await appender.append(bodies);
    await recordHead(ports.writer, tlog.origin, head);
    const entryOf = createEntryMaker(key, head);
    return statements.map((statement, at) => {
      const index = indexOf(statement);
      return entryOf(index, bodies[at]!, growth.path(index));
    });
  }

  async function entriesOfSigned(statements: readonly SignedStatement<StoredStatement>[]) {
    if (statements.length === 0) return [];
    // As it is now: of what was pruned since the log was opened the tiles are gone, and that is no damage.
    const now = (await ports.store.tlog()) ?? tlog;
    return signedEntries(statements, now, ports);
  }

  return {
    tlog,
    async entriesOf(statements) {
      try {
        const opened = await (opening ??= openLog(ports));
        const former = statements.filter((statement) => indexOf(statement) < 0);
        const own = statements.slice(former.length);
        const signed = own.filter((statement) => indexOf(statement) < opened.appender.size());
        const fresh = own.slice(signed.length);
        return [
          ...(await formerEntries(former, formerLogs, ports)),
          ...(await entriesOfSigned(signed)),
          ...(fresh.length === 0 ? [] : await append(opened, fresh)),
        ];
      } catch (error) {
        // A head may be signed that is neither published nor recorded: it is brought to its end as after a crash.
        opening = undefined;
        throw error;
      }
    },
  };
}
