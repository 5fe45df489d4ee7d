import type { LogEntry } from "../../domain/bundle.ts";
import type { TlogHead } from "../../domain/tlog.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import type { Hash } from "./merkle.ts";
import { noteKeyId, type NoteKey, parseNote } from "./note.ts";

/** Makes the entries of leaves that one head covers. */
export function createEntryMaker(key: NoteKey, { checkpoint }: TlogHead) {
  const logId = noteKeyId(key).toString("base64");
  const { size, root } = parseCheckpoint(parseNote(checkpoint).body);
  const rootText = root.toString("base64");
  const texts = new Map<Hash, string>();

  /** Leaves that one head covers share most of their paths. */
  function textOf(hash: Hash): string {
    let text = texts.get(hash);
    if (text === undefined) texts.set(hash, (text = hash.toString("base64")));
    return text;
  }

  return (index: number, body: Buffer, path: readonly Hash[]): LogEntry => ({
    body: body.toString("base64"),
    index,
    logId,
    size,
    root: rootText,
    path: path.map(textOf),
    checkpoint,
  });
}
