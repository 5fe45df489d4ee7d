import { checkLogs, type LogSources } from "../../src/app/drift-of-logs.ts";
import { createDriftReport } from "../../src/app/drift-report.ts";
import { bundleText } from "../../src/domain/bundle.ts";
import { isSigned } from "../../src/domain/sealed-statement.ts";
import type { StoredStatement } from "../../src/domain/tlog.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import { adoptLog } from "../../src/proofs/tlog/adopt-log.ts";
import { claimedHead } from "../../src/proofs/tlog/forked-heads.ts";
import { createLeafMaker } from "../../src/proofs/tlog/leaf-maker.ts";
import type { LogPorts } from "../../src/proofs/tlog/open-log.ts";
import { openTransparencyLog } from "../../src/proofs/tlog/transparency-log.ts";
import { createFakeClock } from "./fake-clock.ts";
import { createMemoryMark, createMemoryTlogFiles, createMemoryTlogKeys } from "./memory-tlog.ts";
import { createMemoryStatements, type MemoryStatements } from "./memory-statements.ts";
import { createTestSigner } from "./test-signer.ts";

const signer = createTestSigner();

/** A data folder in memory, as far as the transparency log is concerned, that can be copied, changed and looked at. */
export interface LookedAtLog {
  store: MemoryStatements;
  /** Of the log that goes on, by path. */
  tiles: Map<string, Buffer>;
  /** By name below `proofs/`. */
  proofs: Map<string, string>;
  marks: Map<string, string>;
  /** Stores statements, which wait. */
  add(count: number): void;
  /** Brings what waits into a signed head, and writes the files. */
  sign(): Promise<void>;
  prune(minimumIndex: number): Promise<void>;
  adopt(): Promise<void>;
  /** Back to this moment; what is remembered outside of the data folder stays. */
  copy(): LookedAtLog;
  /** What drift says: `kind subject`, those that cannot be told behind a question mark; and the ids that were seen. */
  look(change?: Partial<LogSources>): Promise<{ lines: string[]; messages: string[]; seen: number[] }>;
}

export function lookedAtLog(): LookedAtLog {
  const keys = createMemoryTlogKeys();
  const mark = createMemoryMark();
  let count = 0;

  function room(store: MemoryStatements, files: ReturnType<typeof createMemoryTlogFiles>, proofs: Map<string, string>) {
    const ports: LogPorts = {
      store,
      writer: store,
      files,
      mark,
      keys,
      seal: signer,
      leafOf: createLeafMaker([signer.publicKey]),
      origin: null,
      clock: createFakeClock(),
      logger: silentLogger,
      crashPoint: noCrashPoint,
    };
    const self: LookedAtLog = {
      store,
      tiles: files.files,
      proofs,
      marks: mark.marks,
      add(more) {
        for (let index = 0; index < more; index++) {
          const statement = `{"n":${count++}}`;
          store.add({ file: `2026/01/01/${sha256(statement)}.sigstore.json`, statement, ...sealed });
        }
      },
      async sign() {
        const log = await openTransparencyLog(ports);
        const size = (await store.lastHead(log.tlog.origin))?.size ?? 0;
        const due = (await store.statementsAfter(log.tlog.firstStatement + size - 1, Infinity)).filter(isSigned);
        const entries = due.length === 0 ? [] : await log.entriesOf(due);
        for (const [at, { file, ...statement }] of due.entries()) {
          proofs.set(file, bundleText({ ...statement, entry: entries[at]! }));
        }
      },
      async prune(minimumIndex) {
        const { origin, firstStatement } = (await store.tlog())!;
        await store.submit({ type: "tlog_pruned", origin, minimumIndex });
        for (let index = 0; index < minimumIndex / 256; index++) {
          const name = String(index).padStart(3, "0");
          await files.remove([`tile/0/${name}`, `tile/entries/${name}`]);
        }
        await store.submit({ type: "delete_statements", before: firstStatement + minimumIndex });
      },
      adopt: async () => void (await adoptLog(ports)),
      copy() {
        const copied = createMemoryTlogFiles();
        for (const [path, bytes] of files.files) copied.files.set(path, bytes);
        return room(store.copy(), copied, new Map(proofs));
      },
      async look(change) {
        const report = createDriftReport();
        const seen: number[] = [];
        const sources: LogSources = {
          store: Object.assign(store, { anchors: async () => [], anchorsOver: async () => [] }),
          proofs: { names: async () => new Set(proofs.keys()), read: async (name) => proofs.get(name) },
          logFiles(origin) {
            const former = files.aside.get(origin);
            return former ? { read: async (path) => former.get(path), readLastSigned: async () => undefined } : files;
          },
          anchoredHeads: async () => [],
          async markedHead(origin) {
            const text = mark.marks.get(origin);
            return text === undefined ? undefined : claimedHead("the mark", text, origin);
          },
          ...change,
        };
        await checkLogs(sources, report, (statements) => seen.push(...statements.map(({ id }) => id)));
        const { findings, unknown } = report.view();
        return {
          lines: [
            ...findings.map(({ kind, subject }) => `${kind} ${subject}`),
            ...unknown.map(({ kind, subject }) => `? ${kind} ${subject}`),
          ],
          messages: [...findings, ...unknown].map(({ message }) => message),
          seen,
        };
      },
    };
    return self;
  }
  return room(createMemoryStatements(), createMemoryTlogFiles(), new Map());
}

const sealed = { signature: "c2ln", keyId: signer.keyId };

/** The store with other rows in the place of some. */
export function withRows(
  store: MemoryStatements,
  change: (row: StoredStatement) => StoredStatement | undefined,
): Pick<LogSources, "store"> {
  const changed = (rows: readonly StoredStatement[]) => rows.flatMap((row) => change(row) ?? []);
  return {
    store: {
      ...store,
      anchors: async () => [],
      anchorsOver: async () => [],
      statementsAfter: async (id, limit) =>
        changed(await store.statementsAfter(0, Infinity))
          .filter((row) => row.id > id)
          .slice(0, limit),
    },
  };
}
