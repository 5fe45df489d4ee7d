import type { TlogSigner } from "../../ports/tlog-signer.ts";
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import type { Hash } from "./merkle.ts";
import { formatNote, isSignedBy, noteKey, type NoteKey, noteKeyTypes, parseNote } from "./note.ts";

/** The key of a log as its checkpoints name it. */
export function keyOfLog({ origin, publicKey }: Pick<TlogSigner, "origin" | "publicKey">): NoteKey {
  return noteKey(origin, noteKeyTypes.ed25519, publicKey);
}

/** A signed checkpoint. The same head under the same key is always the same text. */
export async function signCheckpoint(head: { size: number; root: Hash }, signer: TlogSigner): Promise<string> {
  const body = formatCheckpoint({ origin: signer.origin, ...head });
  const signature = await signer.sign(Buffer.from(body, "utf8"));
  const { name, hash } = keyOfLog(signer);
  return formatNote({ body, signatures: [{ name, hash, signature }] });
}

/** Reads a checkpoint that this key's log has signed; undefined when it did not, or when the text is not whole. */
export function readSignedCheckpoint(text: string, key: NoteKey): Checkpoint | undefined {
  try {
    const note = parseNote(text);
    const checkpoint = parseCheckpoint(note.body);
    return checkpoint.origin === key.name && isSignedBy(note, key) ? checkpoint : undefined;
  } catch {
    return undefined;
  }
}
