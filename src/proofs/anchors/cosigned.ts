import { cosignatureTime } from "../tlog/cosignature.ts";
import { type Note, type NoteSignature, parseNote } from "../tlog/note.ts";
import { quorumReached, type WitnessPolicy } from "../tlog/witness-policy.ts";

export interface Cosigned {
  /** Policy names of the witnesses whose cosignature is good. */
  by: readonly string[];
  /**
   * When those that had cosigned by then were the quorum, in Unix seconds: one of them alone cannot date it back. Null when
   * none has, and the policy asks for none.
   */
  at: number | null;
}

/** The witnesses of a policy that have cosigned a note. */
export function cosignersOf(note: Note, policy: WitnessPolicy): { name: string; time: number }[] {
  return policy.witnesses.flatMap(({ name, key }) => {
    const time = cosignatureTime(note, key);
    return time === undefined ? [] : [{ name, time }];
  });
}

/** Checks a checkpoint with cosignatures under it against the checkpoint and a policy. Returns in words what is wrong. */
export function checkCosigned(receipt: string, checkpoint: string, policy: WitnessPolicy): Cosigned | string {
  let note: Note, head: Note;
  try {
    [note, head] = [parseNote(receipt), parseNote(checkpoint)];
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  if (note.body !== head.body) return "it is a cosignature of another checkpoint";
  const cosigners = cosignersOf(note, policy);
  const by = cosigners.map(({ name }) => name);
  if (!quorumReached(policy, new Set(by))) {
    return `the witnesses ${by.length === 0 ? "none" : by.join(", ")} are not the quorum ${policy.quorum}`;
  }
  return { by, at: quorumTime(cosigners, policy) };
}

function quorumTime(cosigners: readonly { name: string; time: number }[], policy: WitnessPolicy): number | null {
  const times = cosigners.map(({ time }) => time).sort((one, other) => one - other);
  const upTo = (last: number) => new Set(cosigners.flatMap(({ name, time }) => (time <= last ? [name] : [])));
  return times.find((time) => quorumReached(policy, upTo(time))) ?? null;
}

/** The signature lines that a witness answers with, https://c2sp.org/tlog-witness; undefined when it is nothing of the kind. */
export function parseCosignatureLines(text: string, body: string): readonly NoteSignature[] | undefined {
  try {
    return parseNote(`${body}\n${text}`).signatures;
  } catch {
    return undefined;
  }
}
