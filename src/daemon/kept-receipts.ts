import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type AnchorRecord, receiptNamed } from "../domain/anchor.ts";
import type { LogEntry } from "../domain/bundle.ts";
import { isJsonObject } from "../kernel/json.ts";
import type { AnchorStore } from "../ports/store.ts";
import type { KeptReceipt } from "../proofs/anchors/requirements.ts";
import { parseCheckpoint } from "../proofs/tlog/checkpoint.ts";
import { claimedHead } from "../proofs/tlog/forked-heads.ts";
import type { KnownHead } from "../proofs/tlog/known-heads.ts";
import { consistencyPath } from "../proofs/tlog/merkle.ts";
import { parseNote } from "../proofs/tlog/note.ts";
import { tileNodes } from "../proofs/tlog/tiles.ts";
import type { DataFolder } from "./data-folder.ts";
import { openLogFiles } from "./log-files.ts";

/** In what `proof export` makes. */
export const RECEIPTS_FOLDER = "anchors";

const CHECKPOINT = "checkpoint";

/** The first receipt of each anchor that covers an entry, out of the data folder; how the heads are connected is in its tiles. */
export async function receiptsOfData(entry: LogEntry, data: DataFolder, store: AnchorStore): Promise<KeptReceipt[]> {
  const { origin } = parseCheckpoint(parseNote(entry.checkpoint).body);
  const records = await store.anchorsOver(origin, entry.size);
  const kept = await Promise.all(records.map((record) => receiptOf(record, entry, data)));
  return kept.flatMap((receipt) => receipt ?? []);
}

async function receiptOf(
  { origin, receipt, size, name, kind }: AnchorRecord,
  entry: LogEntry,
  data: DataFolder,
): Promise<KeptReceipt | undefined> {
  const file = join(data.receipts, receipt ?? "");
  const [bytes, checkpoint] = await Promise.all([readIfAny(file), readIfAny(join(file, "..", CHECKPOINT))]);
  if (!bytes || !checkpoint) return undefined;
  const consistency = await pathInTiles(origin, entry.size, size, data).catch(() => null);
  return { name, kind, bytes, checkpoint: checkpoint.toString("utf8"), consistency };
}

async function pathInTiles(origin: string, from: number, to: number, data: DataFolder): Promise<string[]> {
  const files = openLogFiles(data, origin);
  const path = await consistencyPath(
    from,
    to,
    tileNodes(to, (tile) => files.read(tile)),
  );
  return path.map((hash) => hash.toString("base64"));
}

/** A folder as `exportReceipts` makes it, for someone who has nothing else. */
export async function receiptsOfFolder(entry: LogEntry, folder: string): Promise<KeptReceipt[]> {
  const receipts: KeptReceipt[] = [];
  for (const size of await readdir(folder)) {
    const inner = join(folder, size);
    const checkpoint = await readIfAny(join(inner, CHECKPOINT));
    if (!/^\d+$/.test(size) || Number(size) < entry.size || !checkpoint) continue;
    const consistency = hashesIn(await readIfAny(join(inner, pathFile(entry.size))));
    for (const file of await readdir(inner)) {
      const named = receiptNamed(file);
      if (!named) continue;
      const bytes = await readFile(join(inner, file));
      receipts.push({ ...named, bytes, checkpoint: checkpoint.toString("utf8"), consistency });
    }
  }
  return receipts;
}

/** The heads of a log that anchors have seen, each as it was kept beside the receipts of it. What is no head of it is left out. */
export async function anchoredHeads(origin: string, data: DataFolder): Promise<KnownHead[]> {
  const folder = join(data.receipts, origin);
  const heads: KnownHead[] = [];
  for (const size of await namesIn(folder)) {
    const checkpoint = await readIfAny(join(folder, size, CHECKPOINT));
    const names = (await namesIn(join(folder, size))).flatMap((file) => receiptNamed(file)?.name ?? []);
    const place = `tlog-anchors (${names.sort().join(", ")})`;
    const head = checkpoint && names.length > 0 ? claimedHead(place, checkpoint.toString("utf8"), origin) : undefined;
    if (head) heads.push(head);
  }
  return heads;
}

/** The files of receipts with all that belongs to them, by their names below the folder. */
export async function filesOfReceipts(
  entry: LogEntry,
  data: DataFolder,
  store: AnchorStore,
): Promise<Map<string, Buffer>> {
  const { origin } = parseCheckpoint(parseNote(entry.checkpoint).body);
  const files = new Map<string, Buffer>();
  for (const record of await store.anchorsOver(origin, entry.size)) {
    const kept = await receiptOf(record, entry, data);
    if (!kept) continue;
    const folder = String(record.size);
    files.set(`${folder}/${CHECKPOINT}`, Buffer.from(kept.checkpoint, "utf8"));
    files.set(`${folder}/${basename(record.receipt ?? "")}`, kept.bytes);
    if (kept.consistency === null) continue;
    const path = { from: entry.size, to: record.size, path: kept.consistency };
    files.set(`${folder}/${pathFile(entry.size)}`, Buffer.from(`${JSON.stringify(path)}\n`, "utf8"));
  }
  return files;
}

/** Several proofs may share a folder: each has the path from its own head. The ending keeps it apart from receipts. */
function pathFile(from: number): string {
  return `consistency-from-${from}.path`;
}

function hashesIn(bytes: Buffer | undefined): string[] | null {
  try {
    const value: unknown = JSON.parse(bytes?.toString("utf8") ?? "");
    const path = isJsonObject(value) ? value["path"] : undefined;
    return Array.isArray(path) && path.every((hash) => typeof hash === "string") ? path : null;
  } catch {
    return null;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function readIfAny(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch(() => undefined);
}
