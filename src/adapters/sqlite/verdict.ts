import type { Refusal, Verdict } from "../../domain/change.ts";

export const accepted: Verdict = { ok: true };

export function refused(refusal: Refusal, message: string): Verdict {
  return { ok: false, refusal, message };
}
