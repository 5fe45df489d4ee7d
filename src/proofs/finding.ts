/** What is looked at in a proof, in this order. The last four only with evidence. */
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
  | "package"
  | "admission"
  | "output";

export interface Finding {
  check: VerifyCheck;
  /** `unknown`: it could not be checked. */
  status: "passed" | "failed" | "unknown";
  /** One sentence. */
  message: string;
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
