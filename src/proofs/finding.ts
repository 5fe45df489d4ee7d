/** What is looked at in a proof, in this order. The last three only with evidence. */
export const verifyChecks = [
  "bundle",
  "key",
  "signature",
  "statement",
  "tasks",
  "subjects",
  "chain",
  "previous",
  "package",
  "output",
] as const;
export type VerifyCheck = (typeof verifyChecks)[number];

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
