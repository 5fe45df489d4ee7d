import type { AnchorKind } from "../domain/anchor.ts";

/**
 * What is looked at in a proof, in this order. `previous` to `record` only with evidence, `name` only of a file, anchors only when required. A start has
 * `end` instead of all else that is about the end of a run.
 */
export type VerifyCheck =
  | "bundle"
  | "key"
  | "signature"
  | "statement"
  | "tasks"
  | "subjects"
  | "chain"
  | "leaf"
  | "path"
  | "checkpoint"
  | "previous"
  | "start"
  | "end"
  | "package"
  | "admission"
  | "output"
  | "record"
  | "name"
  | AnchorKind;

export interface Finding {
  check: VerifyCheck;
  /** `unknown`: it could not be checked. */
  status: "passed" | "failed" | "unknown";
  /** One sentence. */
  message: string;
}

/** What is wrong among the files of a folder, each of which may be good by itself. */
export interface FolderFinding extends Omit<Finding, "check"> {
  /**
   * `gap`: a run between others has no proof here. `start`: a start has no end here, or the reverse, or they contradict each
   * other. `chain`, `leaf`, `head`: two files contradict each other. `time`: a run says that it finished long before others that
   * were logged before it.
   */
  check: "gap" | "start" | "chain" | "leaf" | "head" | "time";
}

export function passed(check: VerifyCheck, message: string): Finding {
  return { check, status: "passed", message };
}

export function failed(check: VerifyCheck, message: string): Finding {
  return { check, status: "failed", message };
}

export function unknown(check: VerifyCheck, message: string): Finding {
  return { check, status: "unknown", message };
}
