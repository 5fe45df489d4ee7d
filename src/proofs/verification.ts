import type { StartStatement } from "../domain/start-statement.ts";
import type { RunStatement } from "../domain/statement.ts";
import type { Digest } from "../kernel/digest.ts";
import type { Finding } from "./finding.ts";

/**
 * valid       every check passed, under a trusted key that `keyId` names.
 * refused     some check failed: do not believe it.
 * incomplete  nothing failed, but something could not be checked: no key was given, or evidence is not kept any more.
 */
export type VerificationResult = "valid" | "refused" | "incomplete";

export interface Verification {
  result: VerificationResult;
  /** The trusted key under which the signature is good; null without one, and never null when valid. */
  keyId: Digest | null;
  /** What is signed about a run, as far as it could be read; to be believed only when valid. Null for other statements. */
  statement: RunStatement | null;
  /** The same of what is signed about the start of a run. */
  start: StartStatement | null;
  /** One per check, in the order they were made. */
  findings: readonly Finding[];
}
