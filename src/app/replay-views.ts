import type { ReplayOutcome } from "../domain/replay-statement.ts";
import { isoTime } from "../kernel/clock.ts";
import type { ReplayView } from "./views.ts";

/** `statement` is null for a replay that nobody has signed. */
export function replayView(outcome: ReplayOutcome, statement: ReplayView["statement"]): ReplayView {
  const { startedAt, finishedAt, ...rest } = outcome;
  return { ...rest, startedAt: isoTime(startedAt), finishedAt: isoTime(finishedAt), statement };
}
