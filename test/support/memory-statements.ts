import type { Verdict } from "../../src/domain/change.ts";
import { isSigned } from "../../src/domain/sealed-statement.ts";
import type { StoredStatement, Tlog, TlogHead } from "../../src/domain/tlog.ts";
import type { ChangeWriter } from "../../src/ports/change-writer.ts";
import type { TlogStore } from "../../src/ports/store.ts";

/** The part of a store that knows the order of the log, and the writer that moves it on. */
export interface MemoryStatements extends TlogStore, ChangeWriter {
  /** Stores statements in this order, after those that are there. */
  add(...statements: readonly Omit<StoredStatement, "id">[]): void;
  /** Files that are not known to be written. */
  due(): readonly string[];
  /** Takes the state of an earlier moment, as a restored backup does. */
  copy(): MemoryStatements;
}

interface State {
  rows: StoredStatement[];
  logs: Tlog[];
  heads: Map<string, TlogHead[]>;
  through: number;
  synced: number;
  except: Set<number>;
}

export function createMemoryStatements(
  state: State = { rows: [], logs: [], heads: new Map(), through: 0, synced: 0, except: new Set() },
): MemoryStatements {
  const ok: Verdict = { ok: true };
  const headsOf = (origin: string) => state.heads.get(origin) ?? [];
  return {
    add(...statements) {
      for (const statement of statements) state.rows.push({ ...statement, id: (state.rows.at(-1)?.id ?? 0) + 1 });
    },
    due: () => state.rows.filter(({ id }) => id > state.through || state.except.has(id)).map(({ file }) => file),
    copy: () =>
      createMemoryStatements({
        rows: [...state.rows],
        logs: [...state.logs],
        heads: new Map([...state.heads].map(([origin, heads]) => [origin, [...heads]])),
        through: state.through,
        synced: state.synced,
        except: new Set(state.except),
      }),
    tlog: async () => state.logs.at(-1),
    tlogs: async () => state.logs,
    lastHead: async (origin) => headsOf(origin).at(-1),
    headOver: async (origin, size) => headsOf(origin).find((head) => head.size >= size),
    lastStatementId: async () => state.rows.at(-1)?.id ?? 0,
    firstStatementId: async () => state.rows[0]?.id ?? 0,
    firstUnsignedId: async () => state.rows.find((row) => !isSigned(row))?.id ?? 0,
    statementsAfter: async (id, limit) => state.rows.filter((row) => row.id > id).slice(0, limit),
    statements: async (ids) => state.rows.filter(({ id }) => ids.includes(id)),
    statementFiles: async (before, limit) =>
      state.rows
        .filter(({ id }) => id < before)
        .reverse()
        .slice(0, limit),
    writtenFiles: async () => ({ through: state.through, synced: state.synced, except: [...state.except] }),
    async submit(change) {
      switch (change.type) {
        case "open_tlog": {
          const { log, opening } = change;
          const moved = state.rows.map((row) => (row.id >= log.firstStatement ? { ...row, id: row.id + 1 } : row));
          state.rows = [...moved, { ...opening, id: log.firstStatement }].sort((one, other) => one.id - other.id);
          state.logs.push(log);
          state.through = Math.min(state.through, log.firstStatement - 1);
          return ok;
        }
        case "sign_statements": {
          const signatures = new Map(change.signatures.map(({ id, signature }) => [id, signature]));
          const open = state.rows.filter((row) => signatures.has(row.id) && !isSigned(row));
          if (open.length < signatures.size) return { ok: false, refusal: "exists", message: "signed already" };
          state.rows = state.rows.map((row) => ({ ...row, signature: signatures.get(row.id) ?? row.signature }));
          return ok;
        }
        case "tlog_signed":
          if (!headsOf(change.origin).some(({ size }) => size === change.head.size)) {
            state.heads.set(change.origin, [...headsOf(change.origin), change.head]);
          }
          return ok;
        case "files_written":
          for (const id of change.failed) state.except.add(id);
          for (const id of change.mended) state.except.delete(id);
          state.through = Math.max(state.through, change.through);
          return ok;
        case "files_synced":
          state.synced = Math.max(state.synced, Math.min(state.through, change.through));
          return ok;
        case "add_statement":
          state.rows.push({ ...change.statement, id: (state.rows.at(-1)?.id ?? 0) + 1 });
          return ok;
        case "tlog_pruned":
          state.logs = state.logs.map((log) =>
            log.origin === change.origin ? { ...log, minimumIndex: change.minimumIndex } : log,
          );
          return ok;
        case "delete_statements":
          state.rows = state.rows.filter(({ id }) => id >= change.before);
          return ok;
        case "change_key":
        case "record_anchor":
        case "create_runs":
        case "change_run":
        case "fire":
        case "registry":
        case "change_policy":
        case "pause_workflow":
        case "set_schedule_state":
        case "clock_stepped":
        case "delete_runs":
        case "audit":
          throw new Error(`a ${change.type} was not expected`);
      }
    },
  };
}
