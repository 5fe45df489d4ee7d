import type { LogEntry } from "../../domain/bundle.ts";
import type { SignedStatement } from "../../domain/sealed-statement.ts";
import type { StoredStatement, Tlog } from "../../domain/tlog.ts";
import { invariant } from "../../kernel/assert.ts";
import { createEntryMaker } from "./log-entry.ts";
import { parseVkey } from "./note.ts";
import { type LogPorts, type OpenLog, openLog, recordHead } from "./open-log.ts";
import { signedEntries } from "./signed-entries.ts";

/** The statements of a data folder as leaves of the log that goes on, each with what its proof file says of its place. */
export interface TransparencyLog {
  readonly tlog: Tlog;
  /**
   * The entries of statements in ascending order. What is in no signed head yet is appended first, all of it in one head; it
   * has to be what follows the last leaf. Undefined for statements of a former log and for those that are pruned. After it has
   * rejected, the next call opens the log anew and rejects as `openLog` does.
   */
  entriesOf(statements: readonly SignedStatement<StoredStatement>[]): Promise<readonly (LogEntry | undefined)[]>;
}

/** Opens the log; rejects as `openLog` does. */
export async function openTransparencyLog(ports: LogPorts): Promise<TransparencyLog> {
  let opening: Promise<OpenLog> | undefined = openLog(ports);
  const { tlog } = await opening;
  const key = parseVkey(tlog.vkey);
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

  return {
    tlog,
    async entriesOf(statements) {
      try {
        const opened = await (opening ??= openLog(ports));
        const signed = statements.filter((statement) => indexOf(statement) < opened.appender.size());
        const fresh = statements.slice(signed.length);
        const entries = signed.length === 0 ? [] : await signedEntries(signed, tlog, ports);
        return fresh.length === 0 ? entries : [...entries, ...(await append(opened, fresh))];
      } catch (error) {
        // A head may be signed that is neither published nor recorded: it is brought to its end as after a crash.
        opening = undefined;
        throw error;
      }
    },
  };
}
