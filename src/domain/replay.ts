import { type Digest, sha256 } from "../kernel/digest.ts";
import type { Json } from "../kernel/json.ts";
import { firstDifference, removeAt } from "./json-difference.ts";

/**
 * What came of executing one task again.
 * same       it ended as recorded, from nothing but what was recorded.
 * different  it ended otherwise.
 * diverged   it asked for something that its recording does not hold, and was refused.
 * impure     it was given something that no recording holds, so that neither equal nor other ends prove anything.
 * skipped    it was not executed.
 */
export const taskReplayResults = ["same", "different", "diverged", "impure", "skipped"] as const;
export type TaskReplayResult = (typeof taskReplayResults)[number];

/**
 * Why a task was skipped.
 * external       its author says that it changes something outside.
 * not_run        it never ran in the run itself: there is nothing to repeat.
 * unfinished     its last attempt was cut off, so that there is no end to hold against.
 * not_recorded   its attempt left no recording, or one that has grown too large.
 * recording_gone its recording or its output is not kept any more, or not as it was.
 * code_gone      the code is not kept any more.
 */
export const skipReasons = [
  "external",
  "not_run",
  "unfinished",
  "not_recorded",
  "recording_gone",
  "code_gone",
] as const;
export type SkipReason = (typeof skipReasons)[number];

/**
 * same       every task that ran ended as recorded.
 * different  some task did not.
 * unknown    none is known to differ, and of some it cannot be told.
 */
export const replayResults = ["same", "different", "unknown"] as const;
export type ReplayResult = (typeof replayResults)[number];

/** How an attempt ended: an output as JSON text, or a failure. */
export type TaskEnd = { kind: "output"; json: string } | { kind: "failure"; code: string; message: string };

/** How a task ended when it was executed again. */
export interface Replayed {
  end: TaskEnd;
  /** The first thing that it asked for and its recording does not hold. */
  diverged: string | null;
  /** What it was given beside its recording. */
  impure: readonly string[];
}

export interface TaskReplay {
  id: string;
  /** The attempt that was repeated, the one that decided; null when there was none. */
  attempt: number | null;
  recording: Digest | null;
  result: TaskReplayResult;
  /** Null unless skipped. */
  skipped: SkipReason | null;
  /** SHA-256 of the output's JSON text without what the mask names, or of a failure's code and message. */
  expected: Digest | null;
  found: Digest | null;
  /** A JSON pointer to where the ends first differ, the empty one when as a whole; null when they do not. */
  pointer: string | null;
  diverged: string | null;
  /** What is in no recording and was read then or now. */
  impure: readonly string[];
}

/** A task that was not executed. */
export function skippedReplay(
  id: string,
  skipped: SkipReason,
  attempt: number | null = null,
  recording: Digest | null = null,
): TaskReplay {
  const nothing = { expected: null, found: null, pointer: null, diverged: null, impure: [] };
  return { id, attempt, recording, result: "skipped", skipped, ...nothing };
}

/** Holds the end of a repeated attempt against the recorded one. `impure` is what the recording was marked with. */
export function judgeReplay(
  { id, attempt, recording }: { id: string; attempt: number; recording: Digest },
  recorded: { end: TaskEnd; impure: readonly string[] },
  replayed: Replayed,
  mask: readonly string[],
): TaskReplay {
  const [was, is] = [seenEnd(recorded.end, mask), seenEnd(replayed.end, mask)];
  const impure = [...new Set([...recorded.impure, ...replayed.impure])].sort();
  // An output can look like a failure.
  const isLike = recorded.end.kind === replayed.end.kind;
  const inside = () => (isLike ? firstDifference(JSON.parse(was) as Json, JSON.parse(is) as Json) : undefined);
  const pointer = isLike && was === is ? null : (inside() ?? "");
  return {
    id,
    attempt,
    recording,
    result: resultOf(replayed.diverged, impure, pointer),
    skipped: null,
    expected: sha256(was),
    found: sha256(is),
    pointer,
    diverged: replayed.diverged,
    impure,
  };
}

function resultOf(diverged: string | null, impure: readonly string[], pointer: string | null): TaskReplayResult {
  if (diverged !== null) return "diverged";
  if (impure.length > 0) return "impure";
  return pointer === null ? "same" : "different";
}

/** The text that is compared and digested. */
function seenEnd(end: TaskEnd, mask: readonly string[]): string {
  // The bytes of which the proof has the digest.
  if (end.kind === "failure") {
    return JSON.stringify({ code: end.code.toWellFormed(), message: end.message.toWellFormed() });
  }
  if (mask.length === 0) return end.json;
  const output = JSON.parse(end.json) as Json;
  removeAt(output, mask);
  return JSON.stringify(output);
}

export function replayResultOf(tasks: readonly TaskReplay[]): ReplayResult {
  const has = (...results: TaskReplayResult[]) => tasks.some(({ result }) => results.includes(result));
  if (has("different", "diverged")) return "different";
  const told = tasks.filter(({ skipped }) => skipped !== "not_run");
  return told.length > 0 && told.every(({ result }) => result === "same") ? "same" : "unknown";
}
