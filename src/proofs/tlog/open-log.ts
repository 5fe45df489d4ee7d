import { type Seal, sealStatement } from "../../domain/sealed-statement.ts";
import type { Tlog, TlogHead } from "../../domain/tlog.ts";
import { attestationFileName, type FormerHead, tlogStatementText } from "../../domain/tlog-statement.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { CrashPoint } from "../../kernel/crash-points.ts";
import { CascadeError } from "../../kernel/errors.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { ChangeWriter } from "../../ports/change-writer.ts";
import type { TlogStore } from "../../ports/store.ts";
import type { TlogFiles, TlogMark } from "../../ports/tlog-files.ts";
import type { TlogKeys, TlogSigner } from "../../ports/tlog-signer.ts";
import { type Appender, createAppender, emptyLog } from "./appender.ts";
import { keyOfLog } from "./signed-checkpoint.ts";
import { type KnownHead, knownHeads } from "./known-heads.ts";
import type { LeafMaker } from "./leaf-maker.ts";
import { rootOf } from "./merkle.ts";
import { formatVkey } from "./note.ts";
import { logEndAt } from "./restore-end.ts";
import { tileNodes } from "./tiles.ts";

export interface LogPorts {
  store: TlogStore;
  writer: ChangeWriter;
  files: TlogFiles;
  mark: TlogMark;
  keys: TlogKeys;
  /** Seals the statement that opens a log. */
  seal: Seal;
  leafOf: LeafMaker;
  /** The name of a log that is opened; null names it by its key. */
  origin: string | null;
  clock: Pick<Clock, "now">;
  logger: Logger;
  crashPoint: CrashPoint;
}

/** The log that goes on, ready for the next leaves. */
export interface OpenLog {
  tlog: Tlog;
  appender: Appender;
}

/**
 * Brings the log to where its last signed head says that it is, whatever the former life was doing when it ended, and opens one
 * where there is none. Refuses to go on, with `TLOG_ROLLED_BACK` when more was signed than this data folder knows of, with
 * `TLOG_FORKED` when other statements were signed, with `TLOG_DAMAGED` when its files are not what was written: signing would
 * then contradict a head that others may hold.
 */
export async function openLog(ports: LogPorts): Promise<OpenLog> {
  const known = await ports.store.tlog();
  const { tlog, signer } = known
    ? { tlog: known, signer: await signerOf(known, ports) }
    : await beginLog(ports, 1, null);
  const { store, files, logger } = ports;
  const end = (await store.lastStatementId()) + 1;
  // What is not signed cannot be in a head: it is when a newer copy of these statements was signed.
  const leaves = ((await store.firstUnsignedId()) || end) - tlog.firstStatement;
  const heads = await knownHeads(ports, tlog);
  for (const { place, head } of heads) {
    if (head.size > leaves) throw rolledBack(place, head.size, leaves);
  }
  const [last] = heads.toSorted((one, other) => other.head.size - one.head.size);
  const appenderPorts = { ...ports, signer };
  if (!last) return { tlog, appender: createAppender(emptyLog, appenderPorts) };
  const logEnd = await logEndAt(last.head, tlog, ports);
  const nodes = tileNodes(last.head.size, (path) => files.read(path));
  for (const { place, head } of heads) {
    if (head.size < tlog.minimumIndex) continue;
    if (!(await rootOf(head.size, nodes)).equals(head.root)) throw forked(place, head.size);
  }
  await republish(last, tlog, ports);
  const behind = end - tlog.firstStatement - last.head.size;
  if (behind > 0) logger.info({ event: "tlog.behind", count: behind }, "some statements are not in a signed head yet");
  return { tlog, appender: createAppender(logEnd, appenderPorts) };
}

/** Opens a log with the statements from `firstStatement` on. */
export async function beginLog(
  { keys, origin: wanted, writer, seal, clock, logger }: LogPorts,
  firstStatement: number,
  previous: FormerHead | null,
): Promise<{ tlog: Tlog; signer: TlogSigner }> {
  const signer = await keys.create(wanted);
  const { origin } = signer;
  const vkey = formatVkey(keyOfLog(signer));
  const openedAt = clock.now();
  const statement = tlogStatementText({ origin, vkey, proofKey: seal.keyId, previous, openedAt });
  const sealed = await sealStatement(statement, seal);
  const tlog: Tlog = { origin, vkey, firstStatement, openedAt, minimumIndex: 0 };
  const opening = { ...sealed, file: attestationFileName(sealed.digest) };
  const verdict = await writer.submit({ type: "open_tlog", log: tlog, opening });
  if (!verdict.ok) throw new CascadeError("STORE_FAILED", `the log cannot be opened: ${verdict.message}`);
  logger.info({ event: "tlog.opened", origin }, `opened the transparency log ${origin}`);
  return { tlog, signer };
}

export async function recordHead(writer: ChangeWriter, origin: string, head: TlogHead): Promise<void> {
  const verdict = await writer.submit({ type: "tlog_signed", origin, head });
  if (!verdict.ok) throw new CascadeError("STORE_FAILED", `a signed head was not recorded: ${verdict.message}`);
}

/** The signer of a log. Throws `TLOG_KEY_MISSING`, or `KEY_UNREADABLE`. */
export async function signerOf({ origin, vkey }: Tlog, { keys }: Pick<LogPorts, "keys">): Promise<TlogSigner> {
  const signer = await keys.open(origin);
  if (!signer) throw new CascadeError("TLOG_KEY_MISSING", `the private key of the log ${origin} is not in keys/`);
  if (formatVkey(keyOfLog(signer)) === vkey) return signer;
  throw new CascadeError(
    "TLOG_KEY_MISSING",
    `the key of the log ${origin} in keys/ is another one than it was opened with`,
  );
}

/** What was signed last is the truth: it is served, stored and remembered, byte for byte. */
async function republish({ head, checkpoint }: KnownHead, { origin }: Tlog, ports: LogPorts): Promise<void> {
  const { files, store, writer, mark } = ports;
  if ((await files.readLastSigned()) !== checkpoint) await files.writeLastSigned(checkpoint);
  if ((await files.read("checkpoint"))?.toString("utf8") !== checkpoint) await files.publish(checkpoint);
  const recorded = await store.lastHead(origin);
  if ((recorded?.size ?? 0) < head.size) await recordHead(writer, origin, { size: head.size, checkpoint });
  await mark.write(origin, checkpoint);
}

function rolledBack(place: string, size: number, leaves: number): CascadeError {
  return new CascadeError(
    "TLOG_ROLLED_BACK",
    `${place} has a signed head of ${size} leaves, and the database holds only ${leaves} signed statements: it is an older copy`,
  );
}

function forked(place: string, size: number): CascadeError {
  return new CascadeError("TLOG_FORKED", `the first ${size} leaves here are not those of the signed head in ${place}`);
}
