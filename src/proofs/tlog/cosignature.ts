import { invariant } from "../../kernel/assert.ts";
import { isEd25519Signature } from "./ed25519.ts";
import { type Note, type NoteKey, noteKeyTypes, signaturesOf } from "./note.ts";

const TIME_BYTES = 8;

/**
 * The bytes that a witness signs for a checkpoint it has seen to be consistent at `time` (Unix seconds), given as the
 * checkpoint's body: the Ed25519 form of https://c2sp.org/tlog-cosignature.
 */
export function cosignedMessage(time: number, body: string): Buffer {
  invariant(Number.isSafeInteger(time) && time >= 0, "a cosignature's time is whole seconds");
  return Buffer.from(`cosignature/v1\ntime ${time}\n${body}`, "utf8");
}

/**
 * When the witness cosigned the checkpoint, in Unix seconds, the latest if it did so several times. Undefined unless the key
 * is of the cosignature type and has signed, and every cosignature that claims to be from it is good.
 */
export function cosignatureTime(note: Note, key: NoteKey): number | undefined {
  if (key.type !== noteKeyTypes.cosignature) return undefined;
  let latest: number | undefined;
  for (const timed of signaturesOf(note, key)) {
    const time = timeOf(timed);
    if (time === undefined) return undefined;
    const message = cosignedMessage(time, note.body);
    if (!isEd25519Signature(key.publicKey, message, timed.subarray(TIME_BYTES))) return undefined;
    latest = Math.max(latest ?? 0, time);
  }
  return latest;
}

function timeOf(timed: Buffer): number | undefined {
  if (timed.length < TIME_BYTES) return undefined;
  const seconds = Number(timed.readBigUInt64BE());
  return Number.isSafeInteger(seconds) ? seconds : undefined;
}
